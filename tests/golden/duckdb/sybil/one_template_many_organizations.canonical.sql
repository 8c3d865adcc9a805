WITH events AS (
  SELECT *,
    lower((record->>'$."event.outcome"')) AS "event.outcome",
    (record->>'$."gen_ai.prompt.head.hash"') AS "gen_ai.prompt.head.hash",
    (record->>'$."organization.id"') AS "organization.id",
    (record->>'$."gen_ai.prompt.hash"') AS "gen_ai.prompt.hash",
    time_bucket(INTERVAL '600 seconds', timestamp, TIMESTAMP '1970-01-01') AS pane
  FROM canonical
  WHERE (record->>'$."event.action"') IS NULL
    AND "event.outcome" = 'success'
    AND "gen_ai.prompt.head.hash" <> ''
), panes AS (
  SELECT pane,
    "gen_ai.prompt.head.hash",
    "organization.id",
    "gen_ai.prompt.hash"
  FROM events
  GROUP BY ALL
), windows AS (
  SELECT pane + k * INTERVAL '600 seconds' AS window_end,
    "gen_ai.prompt.head.hash",
    count(DISTINCT "organization.id") FILTER ("organization.id" <> '') AS value_1,
    count(DISTINCT "gen_ai.prompt.hash") FILTER ("gen_ai.prompt.hash" <> '') AS value_2
  FROM panes, unnest(range(1, 7)) AS spread(k)
  GROUP BY ALL
  HAVING (value_1 >= 10 OR value_2 >= 50)
), windows_2 AS (
  SELECT *,
    CASE WHEN value_1 >= 10 THEN 1 ELSE 0 END AS rule_1,
    CASE WHEN value_2 >= 50 THEN 1 ELSE 0 END AS rule_2,
    time_bucket(INTERVAL '600 seconds', window_end - INTERVAL '1 milliseconds', TIMESTAMP '1970-01-01') AS pane
  FROM windows
), panes_2 AS (
  SELECT pane,
    "gen_ai.prompt.head.hash",
    max(rule_1) AS rule_1,
    max(rule_2) AS rule_2
  FROM windows_2
  GROUP BY ALL
), windows_3 AS (
  SELECT pane + k * INTERVAL '600 seconds' AS window_end,
    "gen_ai.prompt.head.hash",
    max(rule_1) AS rule_1,
    max(rule_2) AS rule_2
  FROM panes_2, unnest(range(1, 7)) AS spread(k)
  GROUP BY ALL
), windows_4 AS (
  SELECT *, rule_1 + rule_2 AS value, window_end - INTERVAL '3600 seconds' AS window_start
  FROM windows_3
  WHERE value = 2
), alerts AS (
  SELECT "gen_ai.prompt.head.hash",
    max(value) AS value,
    min(window_start) AS window_start,
    max(window_end) AS window_end
  FROM windows_4
  GROUP BY ALL
)
SELECT *, count(*) OVER () AS groups
FROM alerts
ORDER BY value DESC, "gen_ai.prompt.head.hash"
LIMIT 100
