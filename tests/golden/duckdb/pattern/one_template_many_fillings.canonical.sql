WITH events AS (
  SELECT *,
    lower((record->>'$."event.outcome"')) AS "event.outcome",
    (record->>'$."user.id"') AS "user.id",
    (record->>'$."gen_ai.prompt.head.hash"') AS "gen_ai.prompt.head.hash",
    (record->>'$."gen_ai.prompt.hash"') AS "gen_ai.prompt.hash",
    time_bucket(INTERVAL '14400 seconds', timestamp, TIMESTAMP '1970-01-01') AS pane
  FROM canonical
  WHERE (record->>'$."event.action"') IS NULL
    AND "event.outcome" = 'success'
    AND "user.id" <> ''
    AND "gen_ai.prompt.head.hash" <> ''
    AND "gen_ai.prompt.hash" <> ''
), panes AS (
  SELECT pane,
    "user.id",
    "gen_ai.prompt.head.hash",
    "gen_ai.prompt.hash"
  FROM events
  GROUP BY ALL
), large_groups AS (
  SELECT "user.id", "gen_ai.prompt.head.hash", count(*) AS group_total
  FROM panes
  GROUP BY ALL
  HAVING group_total >= 1000
), windows AS (
  SELECT pane + k * INTERVAL '14400 seconds' AS window_end,
    "user.id",
    "gen_ai.prompt.head.hash",
    "gen_ai.prompt.hash"
  FROM panes SEMI JOIN large_groups USING ("user.id", "gen_ai.prompt.head.hash"), unnest(range(1, 7)) AS spread(k)
  GROUP BY ALL
), windows_2 AS (
  SELECT window_end,
    "user.id",
    "gen_ai.prompt.head.hash",
    count(*) AS value
  FROM windows
  GROUP BY ALL
  HAVING value >= 1000
), windows_3 AS (
  SELECT *, window_end - INTERVAL '86400 seconds' AS window_start
  FROM windows_2
), alerts AS (
  SELECT "user.id",
    "gen_ai.prompt.head.hash",
    max(value) AS value,
    min(window_start) AS window_start,
    max(window_end) AS window_end
  FROM windows_3
  GROUP BY ALL
)
SELECT *, count(*) OVER () AS groups
FROM alerts
ORDER BY value DESC, "user.id", "gen_ai.prompt.head.hash"
LIMIT 100
