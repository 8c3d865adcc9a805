WITH events AS (
  SELECT *,
    CASE WHEN (record->>'$.level') = 'ERROR' THEN 'failure' ELSE CASE WHEN (record->>'$.end_time') IS NOT NULL THEN 'success' ELSE 'unknown' END END AS "event.outcome",
    coalesce((TRY_CAST((record->>'$.usage_details.total') AS BIGINT) - TRY_CAST((record->>'$.usage_details.output') AS BIGINT)) - TRY_CAST((record->>'$.usage_details.output_reasoning_tokens') AS BIGINT), TRY_CAST((record->>'$.usage_details.total') AS BIGINT) - TRY_CAST((record->>'$.usage_details.output') AS BIGINT), TRY_CAST((record->>'$.usage_details.input') AS BIGINT)) AS "gen_ai.usage.input_tokens",
    coalesce(TRY_CAST((record->>'$.usage_details.output') AS BIGINT) - (0 - TRY_CAST((record->>'$.usage_details.output_reasoning_tokens') AS BIGINT)), TRY_CAST((record->>'$.usage_details.output') AS BIGINT)) AS "gen_ai.usage.output_tokens",
    TRY_CAST((record->>'$.usage_details.output_reasoning_tokens') AS BIGINT) AS "gen_ai.usage.reasoning.output_tokens",
    (record->>'$.user_id') AS "user.id"
  FROM langfuse
  WHERE (record->>'$.type') IN ('GENERATION', 'EMBEDDING')
    AND "event.outcome" = 'success'
    AND "gen_ai.usage.input_tokens" < 500
    AND "user.id" <> ''
), events_2 AS (
  SELECT *, "gen_ai.usage.output_tokens" - coalesce("gen_ai.usage.reasoning.output_tokens", 0) AS "gen_ai.usage.visible.output_tokens", time_bucket(INTERVAL '600 seconds', timestamp, TIMESTAMP '1970-01-01') AS pane
  FROM events
  WHERE "gen_ai.usage.visible.output_tokens" >= 500
), panes AS (
  SELECT pane, "user.id", count(*) AS value
  FROM events_2
  GROUP BY ALL
), large_groups AS (
  SELECT "user.id", sum(value) AS group_total
  FROM panes
  GROUP BY ALL
  HAVING group_total >= 100
), windows AS (
  SELECT pane + k * INTERVAL '600 seconds' AS window_end, "user.id", sum(value) AS value
  FROM panes SEMI JOIN large_groups USING ("user.id"), unnest(range(1, 7)) AS spread(k)
  GROUP BY ALL
  HAVING value >= 100
), windows_2 AS (
  SELECT *, window_end - INTERVAL '3600 seconds' AS window_start
  FROM windows
), alerts AS (
  SELECT "user.id",
    max(value) AS value,
    min(window_start) AS window_start,
    max(window_end) AS window_end
  FROM windows_2
  GROUP BY ALL
)
SELECT *, count(*) OVER () AS groups
FROM alerts
ORDER BY value DESC, "user.id"
LIMIT 100
