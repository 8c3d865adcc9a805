WITH events AS (
  SELECT *,
    CASE WHEN (record->>'$.level') = 'ERROR' THEN 'failure' ELSE CASE WHEN (record->>'$.end_time') IS NOT NULL THEN 'success' ELSE 'unknown' END END AS "event.outcome",
    (record->>'$.user_id') AS "user.id",
    lower((record->>'$.provided_model_name')) AS "gen_ai.request.model",
    coalesce(TRY_CAST((record->>'$.usage_details.output') AS BIGINT) - (0 - TRY_CAST((record->>'$.usage_details.output_reasoning_tokens') AS BIGINT)), TRY_CAST((record->>'$.usage_details.output') AS BIGINT)) AS "gen_ai.usage.output_tokens",
    time_bucket(INTERVAL '14400 seconds', timestamp, TIMESTAMP '1970-01-01') AS pane
  FROM langfuse
  WHERE (record->>'$.type') IN ('GENERATION', 'EMBEDDING')
    AND "event.outcome" = 'success'
    AND NOT lower("user.id") IN ('svc-batch-summariser', 'arn:aws:sts::111122223333:assumed-role/batch-summariser', 'arn:aws:iam::111122223333:role/batch-summariser')
    AND "user.id" <> ''
    AND "gen_ai.request.model" <> ''
    AND "gen_ai.usage.output_tokens" IS NOT NULL
), panes AS (
  SELECT pane,
    "user.id",
    "gen_ai.request.model",
    sum("gen_ai.usage.output_tokens") AS value
  FROM events
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
