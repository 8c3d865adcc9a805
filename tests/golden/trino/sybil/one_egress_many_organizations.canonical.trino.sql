WITH events AS (
  SELECT timestamp,
    lower(event_outcome) AS event_outcome,
    source_ip,
    organization_id
  FROM ai_inference
  WHERE day >= CAST(CAST(? AS timestamp(3)) AS DATE)
    AND day <= CAST(CAST(? AS timestamp(3)) AS DATE)
    AND timestamp >= CAST(? AS timestamp(3))
    AND timestamp < CAST(? AS timestamp(3))
    AND event_action IS NULL
), events_2 AS (
  SELECT *, timestamp - date_diff('millisecond', TIMESTAMP '1970-01-01 00:00:00.000', timestamp) % 600000 * INTERVAL '0.001' SECOND AS pane
  FROM events
  WHERE event_outcome = 'success'
    AND NOT source_ip IN ('192.0.2.200', '::ffff:192.0.2.200')
    AND source_ip <> ''
    AND organization_id <> ''
), panes AS (
  SELECT pane, source_ip, organization_id
  FROM events_2
  GROUP BY 1, 2, 3
), large_groups AS (
  SELECT source_ip, count(*) AS group_total
  FROM panes
  GROUP BY 1
), large_groups_2 AS (
  SELECT *
  FROM large_groups
  WHERE group_total >= 10
), panes_2 AS (
  SELECT *
  FROM panes
  WHERE (source_ip) IN (SELECT source_ip FROM large_groups_2)
), windows AS (
  SELECT pane + k * INTERVAL '600' SECOND AS window_end, source_ip, organization_id
  FROM panes_2, UNNEST(ARRAY[1, 2, 3, 4, 5, 6]) AS spread(k)
  GROUP BY 1, 2, 3
), windows_2 AS (
  SELECT window_end, source_ip, count(*) AS value
  FROM windows
  GROUP BY 1, 2
), windows_3 AS (
  SELECT *, window_end - INTERVAL '3600' SECOND AS window_start
  FROM windows_2
  WHERE value >= 10
), alerts AS (
  SELECT source_ip,
    max(value) AS value,
    min(window_start) AS window_start,
    max(window_end) AS window_end
  FROM windows_3
  GROUP BY 1
)
SELECT *, count(*) OVER () AS groups
FROM alerts
ORDER BY value DESC, source_ip
LIMIT 100
