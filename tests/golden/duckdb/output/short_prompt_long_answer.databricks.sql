WITH events AS (
  SELECT *,
    CASE WHEN TRY_CAST((record->>'$.status_code') AS BIGINT) < 400 THEN 'success' ELSE 'failure' END AS "event.outcome",
    TRY_CAST((record->>'$.response') AS JSON) AS response_body,
    (record->>'$.requester') AS "user.id"
  FROM databricks
  WHERE "event.outcome" = 'success'
    AND "user.id" <> ''
), events_2 AS (
  SELECT *,
    TRY_CAST((response_body->>'$.usage.prompt_tokens') AS BIGINT) AS "gen_ai.usage.input_tokens",
    TRY_CAST((response_body->>'$.usage.completion_tokens') AS BIGINT) AS "gen_ai.usage.output_tokens",
    TRY_CAST((response_body->>'$.usage.completion_tokens_details.reasoning_tokens') AS BIGINT) AS "gen_ai.usage.reasoning.output_tokens"
  FROM events
  WHERE "gen_ai.usage.input_tokens" < 500
), events_3 AS (
  SELECT *, "gen_ai.usage.output_tokens" - coalesce("gen_ai.usage.reasoning.output_tokens", 0) AS "gen_ai.usage.visible.output_tokens", time_bucket(INTERVAL '600 seconds', timestamp, TIMESTAMP '1970-01-01') AS pane
  FROM events_2
  WHERE "gen_ai.usage.visible.output_tokens" >= 500
), panes AS (
  SELECT pane, "user.id", count(*) AS value
  FROM events_3
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
