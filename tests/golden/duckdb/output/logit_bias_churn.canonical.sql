WITH events AS (
  SELECT *,
    lower((record->>'$."event.outcome"')) AS "event.outcome",
    (record->>'$."gen_ai.api_key.id"') AS "gen_ai.api_key.id",
    lower((record->>'$."gen_ai.request.model"')) AS "gen_ai.request.model",
    (record->>'$."gen_ai.request.logit_bias.hash"') AS "gen_ai.request.logit_bias.hash",
    time_bucket(INTERVAL '600 seconds', timestamp, TIMESTAMP '1970-01-01') AS pane
  FROM canonical
  WHERE (record->>'$."event.action"') IS NULL
    AND "event.outcome" = 'success'
    AND "gen_ai.api_key.id" <> ''
    AND "gen_ai.request.model" <> ''
    AND "gen_ai.request.logit_bias.hash" <> ''
), panes AS (
  SELECT pane,
    "gen_ai.api_key.id",
    "gen_ai.request.model",
    "gen_ai.request.logit_bias.hash"
  FROM events
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
