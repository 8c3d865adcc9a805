WITH events AS (
  SELECT *,
    CASE WHEN TRY_CAST((record->>'$.response.status') AS BIGINT) < 400 THEN 'success' ELSE 'failure' END AS "event.outcome",
    (record->>'$.authenticated_entity.id') AS "gen_ai.api_key.id",
    coalesce(nullif((record->>'$.ai.proxy.meta.request_model'), ''), nullif((record->>'$.ai."ai-proxy".meta.request_model'), ''), (record->>'$.ai."ai-proxy-advanced".meta.request_model')) AS "gen_ai.request.model.text",
    TRY_CAST(coalesce(nullif((record->>'$.ai.proxy.payload.request'), ''), (record->>'$.ai.payload.request')) AS JSON) AS request_body
  FROM kong
  WHERE coalesce(nullif((record->>'$.ai.proxy.meta.provider_name'), ''), nullif((record->>'$.ai."ai-proxy".meta.provider_name'), ''), (record->>'$.ai."ai-proxy-advanced".meta.provider_name')) IS NOT NULL
    AND "event.outcome" = 'success'
    AND "gen_ai.api_key.id" <> ''
), events_2 AS (
  SELECT *, lower(CASE WHEN "gen_ai.request.model.text" IN ('UNSPECIFIED') THEN NULL ELSE "gen_ai.request.model.text" END) AS "gen_ai.request.model", (request_body->'$.logit_bias') AS "gen_ai.request.logit_bias"
  FROM events
  WHERE "gen_ai.request.model" <> ''
), events_3 AS (
  SELECT *, regexp_replace(CAST("gen_ai.request.logit_bias" AS VARCHAR), '[{}" \t\n\r]', '', 'g') AS bias_text
  FROM events_2
), events_4 AS (
  SELECT *, CASE WHEN contains(bias_text, ':') THEN bias_text END AS bias_pairs
  FROM events_3
), events_5 AS (
  SELECT *, array_to_string(list_sort(string_split(bias_pairs, ',')), ',') AS "gen_ai.request.logit_bias.text"
  FROM events_4
), events_6 AS (
  SELECT *, CASE WHEN "gen_ai.request.logit_bias.text" <> '' THEN sha256("gen_ai.request.logit_bias.text") END AS "gen_ai.request.logit_bias.hash", time_bucket(INTERVAL '600 seconds', timestamp, TIMESTAMP '1970-01-01') AS pane
  FROM events_5
  WHERE "gen_ai.request.logit_bias.hash" <> ''
), panes AS (
  SELECT pane,
    "gen_ai.api_key.id",
    "gen_ai.request.model",
    "gen_ai.request.logit_bias.hash"
  FROM events_6
  GROUP BY ALL
), large_groups AS (
  SELECT "gen_ai.api_key.id", "gen_ai.request.model", count(*) AS group_total
  FROM panes
  GROUP BY ALL
  HAVING group_total >= 30
), windows AS (
  SELECT pane + k * INTERVAL '600 seconds' AS window_end,
    "gen_ai.api_key.id",
    "gen_ai.request.model",
    "gen_ai.request.logit_bias.hash"
  FROM panes SEMI JOIN large_groups USING ("gen_ai.api_key.id", "gen_ai.request.model"), unnest(range(1, 7)) AS spread(k)
  GROUP BY ALL
), windows_2 AS (
  SELECT window_end,
    "gen_ai.api_key.id",
    "gen_ai.request.model",
    count(*) AS value
  FROM windows
  GROUP BY ALL
  HAVING value >= 30
), windows_3 AS (
  SELECT *, window_end - INTERVAL '3600 seconds' AS window_start
  FROM windows_2
), alerts AS (
  SELECT "gen_ai.api_key.id",
    "gen_ai.request.model",
    max(value) AS value,
    min(window_start) AS window_start,
    max(window_end) AS window_end
  FROM windows_3
  GROUP BY ALL
)
SELECT *, count(*) OVER () AS groups
FROM alerts
ORDER BY value DESC, "gen_ai.api_key.id", "gen_ai.request.model"
LIMIT 100
