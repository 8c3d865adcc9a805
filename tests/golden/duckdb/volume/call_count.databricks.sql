WITH events AS (
  SELECT *,
    CASE WHEN TRY_CAST((record->>'$.status_code') AS BIGINT) < 400 THEN 'success' ELSE 'failure' END AS "event.outcome",
    (record->>'$.requester') AS "user.id",
    lower((record->>'$.served_entity_id')) AS "gen_ai.request.model",
    time_bucket(INTERVAL '600 seconds', timestamp, TIMESTAMP '1970-01-01') AS pane
  FROM databricks
  WHERE "event.outcome" = 'success'
    AND NOT lower("user.id") IN ('svc-batch-summariser', 'arn:aws:sts::111122223333:assumed-role/batch-summariser', 'arn:aws:iam::111122223333:role/batch-summariser')
    AND "user.id" <> ''
    AND "gen_ai.request.model" <> ''
), panes AS (
  SELECT pane,
    "user.id",
    "gen_ai.request.model",
    count(*) AS value
  FROM events
  GROUP BY ALL
), large_groups AS (
  SELECT "user.id", "gen_ai.request.model", sum(value) AS group_total
  FROM panes
  GROUP BY ALL
  HAVING group_total >= 500
), windows AS (
  SELECT pane + k * INTERVAL '600 seconds' AS window_end,
    "user.id",
    "gen_ai.request.model",
    sum(value) AS value
  FROM panes SEMI JOIN large_groups USING ("user.id", "gen_ai.request.model"), unnest(range(1, 7)) AS spread(k)
  GROUP BY ALL
  HAVING value >= 500
), windows_2 AS (
  SELECT *, window_end - INTERVAL '3600 seconds' AS window_start
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
