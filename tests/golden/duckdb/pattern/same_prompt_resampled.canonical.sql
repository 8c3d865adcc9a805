WITH events AS (
  SELECT *,
    lower((record->>'$."event.outcome"')) AS "event.outcome",
    TRY_CAST((record->>'$."gen_ai.request.temperature"') AS DOUBLE) AS "gen_ai.request.temperature",
    TRY_CAST((record->>'$."gen_ai.response.cached"') AS BOOLEAN) AS "gen_ai.response.cached",
    (record->>'$."gen_ai.api_key.id"') AS "gen_ai.api_key.id",
    (record->>'$."gen_ai.prompt.hash"') AS "gen_ai.prompt.hash",
    coalesce((record->>'$."gen_ai.input.turn.hash"'), 'unknown') AS "gen_ai.input.turn.hash",
    time_bucket(INTERVAL '600 seconds', timestamp, TIMESTAMP '1970-01-01') AS pane
  FROM canonical
  WHERE (record->>'$."event.action"') IS NULL
    AND "event.outcome" = 'success'
    AND ("gen_ai.request.temperature" IS NULL OR "gen_ai.request.temperature" != 0)
    AND ("gen_ai.response.cached" IS NULL OR "gen_ai.response.cached" != TRUE)
    AND "gen_ai.api_key.id" <> ''
    AND "gen_ai.prompt.hash" <> ''
    AND "gen_ai.input.turn.hash" <> ''
), panes AS (
  SELECT pane,
    "gen_ai.api_key.id",
    "gen_ai.prompt.hash",
    "gen_ai.input.turn.hash",
    count(*) AS value
  FROM events
  GROUP BY ALL
), large_groups AS (
  SELECT "gen_ai.api_key.id",
    "gen_ai.prompt.hash",
    "gen_ai.input.turn.hash",
    sum(value) AS group_total
  FROM panes
  GROUP BY ALL
  HAVING group_total >= 200
), windows AS (
  SELECT pane + k * INTERVAL '600 seconds' AS window_end,
    "gen_ai.api_key.id",
    "gen_ai.prompt.hash",
    "gen_ai.input.turn.hash",
    sum(value) AS value
  FROM panes SEMI JOIN large_groups USING ("gen_ai.api_key.id", "gen_ai.prompt.hash", "gen_ai.input.turn.hash"), unnest(range(1, 7)) AS spread(k)
  GROUP BY ALL
  HAVING value >= 200
), windows_2 AS (
  SELECT *, window_end - INTERVAL '3600 seconds' AS window_start
  FROM windows
), alerts AS (
  SELECT "gen_ai.api_key.id",
    "gen_ai.prompt.hash",
    "gen_ai.input.turn.hash",
    max(value) AS value,
    min(window_start) AS window_start,
    max(window_end) AS window_end
  FROM windows_2
  GROUP BY ALL
)
SELECT *, count(*) OVER () AS groups
FROM alerts
ORDER BY value DESC, "gen_ai.api_key.id", "gen_ai.prompt.hash", "gen_ai.input.turn.hash"
LIMIT 100
