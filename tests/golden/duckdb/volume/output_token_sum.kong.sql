WITH events AS (
  SELECT *,
    CASE WHEN TRY_CAST((record->>'$.response.status') AS BIGINT) < 400 THEN 'success' ELSE 'failure' END AS "event.outcome",
    coalesce(nullif((record->>'$.consumer.username'), ''), nullif((record->>'$.consumer.id'), ''), (record->>'$.authenticated_entity.consumer_id')) AS "user.id",
    coalesce(nullif((record->>'$.ai.proxy.meta.request_model'), ''), nullif((record->>'$.ai."ai-proxy".meta.request_model'), ''), (record->>'$.ai."ai-proxy-advanced".meta.request_model')) AS "gen_ai.request.model.text",
    coalesce(TRY_CAST((record->>'$.ai.proxy.usage.completion_tokens') AS BIGINT), TRY_CAST((record->>'$.ai."ai-proxy".usage.completion_tokens') AS BIGINT), TRY_CAST((record->>'$.ai."ai-proxy".usage.completion_token') AS BIGINT), TRY_CAST((record->>'$.ai."ai-proxy-advanced".usage.completion_tokens') AS BIGINT), TRY_CAST((record->>'$.ai."ai-proxy-advanced".usage.completion_token') AS BIGINT)) AS "gen_ai.usage.output_tokens"
  FROM kong
  WHERE coalesce(nullif((record->>'$.ai.proxy.meta.provider_name'), ''), nullif((record->>'$.ai."ai-proxy".meta.provider_name'), ''), (record->>'$.ai."ai-proxy-advanced".meta.provider_name')) IS NOT NULL
    AND "event.outcome" = 'success'
    AND NOT lower("user.id") IN ('svc-batch-summariser', 'arn:aws:sts::111122223333:assumed-role/batch-summariser', 'arn:aws:iam::111122223333:role/batch-summariser')
    AND "user.id" <> ''
    AND "gen_ai.usage.output_tokens" IS NOT NULL
), events_2 AS (
  SELECT *, lower(CASE WHEN "gen_ai.request.model.text" IN ('UNSPECIFIED') THEN NULL ELSE "gen_ai.request.model.text" END) AS "gen_ai.request.model", time_bucket(INTERVAL '14400 seconds', timestamp, TIMESTAMP '1970-01-01') AS pane
  FROM events
  WHERE "gen_ai.request.model" <> ''
), panes AS (
  SELECT pane,
    "user.id",
    "gen_ai.request.model",
    sum("gen_ai.usage.output_tokens") AS value
  FROM events_2
  GROUP BY ALL
), large_groups AS (
  SELECT "user.id", "gen_ai.request.model", sum(value) FILTER (value > 0) AS group_total
  FROM panes
  GROUP BY ALL
  HAVING group_total >= 5000000
), windows AS (
  SELECT pane + k * INTERVAL '14400 seconds' AS window_end,
    "user.id",
    "gen_ai.request.model",
    sum(value) AS value
  FROM panes SEMI JOIN large_groups USING ("user.id", "gen_ai.request.model"), unnest(range(1, 7)) AS spread(k)
  GROUP BY ALL
  HAVING value >= 5000000
), windows_2 AS (
  SELECT *, window_end - INTERVAL '86400 seconds' AS window_start
  FROM windows
), alerts AS (
  SELECT "user.id",
    "gen_ai.request.model",
    max(value) AS value,
    min(window_start) AS window_start,
    max(window_end) AS window_end
  FROM windows_2
  GROUP BY ALL
)
SELECT *, count(*) OVER () AS groups
FROM alerts
ORDER BY value DESC, "user.id", "gen_ai.request.model"
LIMIT 100
