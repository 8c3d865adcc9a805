WITH events AS (
  SELECT *,
    lower((record->>'$."event.outcome"')) AS "event.outcome",
    TRY_CAST((record->>'$."gen_ai.usage.input_tokens"') AS BIGINT) AS "gen_ai.usage.input_tokens",
    TRY_CAST((record->>'$."gen_ai.usage.visible.output_tokens"') AS BIGINT) AS "gen_ai.usage.visible.output_tokens",
    (record->>'$."user.id"') AS "user.id",
    time_bucket(INTERVAL '600 seconds', timestamp, TIMESTAMP '1970-01-01') AS pane
  FROM canonical
  WHERE (record->>'$."event.action"') IS NULL
    AND "event.outcome" = 'success'
    AND "gen_ai.usage.input_tokens" < 500
    AND "gen_ai.usage.visible.output_tokens" >= 500
    AND "user.id" <> ''
), panes AS (
  SELECT pane, "user.id", count(*) AS value
  FROM events
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
