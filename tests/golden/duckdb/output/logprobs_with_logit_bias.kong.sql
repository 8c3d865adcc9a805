WITH events AS (
  SELECT *,
    TRY_CAST(coalesce(nullif((record->>'$.ai.proxy.payload.request'), ''), (record->>'$.ai.payload.request')) AS JSON) AS request_body,
    (record->>'$.authenticated_entity.id') AS "gen_ai.api_key.id",
    coalesce(nullif((record->>'$.ai.proxy.meta.request_model'), ''), nullif((record->>'$.ai."ai-proxy".meta.request_model'), ''), (record->>'$.ai."ai-proxy-advanced".meta.request_model')) AS "gen_ai.request.model.text"
  FROM kong
  WHERE coalesce(nullif((record->>'$.ai.proxy.meta.provider_name'), ''), nullif((record->>'$.ai."ai-proxy".meta.provider_name'), ''), (record->>'$.ai."ai-proxy-advanced".meta.provider_name')) IS NOT NULL
    AND "gen_ai.api_key.id" <> ''
), events_2 AS (
  SELECT *,
    TRY_CAST((request_body->>'$.logprobs') AS BOOLEAN) AS "gen_ai.request.logprobs",
    (request_body->'$.logit_bias') AS "gen_ai.request.logit_bias",
    coalesce(TRY_CAST((request_body->>'$.max_completion_tokens') AS BIGINT), TRY_CAST((request_body->>'$.max_tokens') AS BIGINT)) AS "gen_ai.request.max_tokens",
    lower(CASE WHEN "gen_ai.request.model.text" IN ('UNSPECIFIED') THEN NULL ELSE "gen_ai.request.model.text" END) AS "gen_ai.request.model"
  FROM events
  WHERE "gen_ai.request.logprobs" = TRUE
    AND "gen_ai.request.max_tokens" <= 5
    AND "gen_ai.request.model" <> ''
), events_3 AS (
  SELECT *, regexp_replace(CAST("gen_ai.request.logit_bias" AS VARCHAR), '[{}" \t\n\r]', '', 'g') AS bias_text
  FROM events_2
), events_4 AS (
  SELECT *, CASE WHEN contains(bias_text, ':') THEN bias_text END AS bias_pairs
  FROM events_3
), events_5 AS (
  SELECT *, CASE WHEN bias_pairs <> '' THEN TRUE ELSE FALSE END AS "gen_ai.request.logit_bias.present", time_bucket(INTERVAL '600 seconds', timestamp, TIMESTAMP '1970-01-01') AS pane
  FROM events_4
  WHERE "gen_ai.request.logit_bias.present" = TRUE
), panes AS (
  SELECT pane,
    "gen_ai.api_key.id",
    "gen_ai.request.model",
    count(*) AS value
  FROM events_5
  GROUP BY ALL
), large_groups AS (
  SELECT "gen_ai.api_key.id", "gen_ai.request.model", sum(value) AS group_total
  FROM panes
  GROUP BY ALL
  HAVING group_total >= 50
), windows AS (
  SELECT pane + k * INTERVAL '600 seconds' AS window_end,
    "gen_ai.api_key.id",
    "gen_ai.request.model",
    sum(value) AS value
  FROM panes SEMI JOIN large_groups USING ("gen_ai.api_key.id", "gen_ai.request.model"), unnest(range(1, 7)) AS spread(k)
  GROUP BY ALL
  HAVING value >= 50
), windows_2 AS (
  SELECT *, window_end - INTERVAL '3600 seconds' AS window_start
  FROM windows
), alerts AS (
  SELECT "gen_ai.api_key.id",
    "gen_ai.request.model",
    max(value) AS value,
    min(window_start) AS window_start,
    max(window_end) AS window_end
  FROM windows_2
  GROUP BY ALL
)
SELECT *, count(*) OVER () AS groups
FROM alerts
ORDER BY value DESC, "gen_ai.api_key.id", "gen_ai.request.model"
LIMIT 100
