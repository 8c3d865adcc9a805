WITH events AS (
  SELECT timestamp,
    lower(event_outcome) AS event_outcome,
    gen_ai_usage_input_tokens,
    gen_ai_usage_visible_output_tokens,
    user_id
  FROM ai_inference
  WHERE day >= CAST(to_utc_timestamp(CAST(:range_start AS TIMESTAMP), current_timezone()) AS DATE)
    AND day <= CAST(to_utc_timestamp(CAST(:range_end AS TIMESTAMP), current_timezone()) AS DATE)
    AND timestamp >= CAST(:range_start AS TIMESTAMP)
    AND timestamp < CAST(:range_end AS TIMESTAMP)
    AND event_action IS NULL
), events_2 AS (
  SELECT *, timestamp_millis(unix_millis(timestamp) - pmod(unix_millis(timestamp), 600000)) AS pane
  FROM events
  WHERE event_outcome = 'success'
    AND gen_ai_usage_input_tokens < 500
    AND gen_ai_usage_visible_output_tokens >= 500
    AND user_id <> ''
), panes AS (
  SELECT pane, user_id, count(*) AS value
  FROM events_2
  GROUP BY 1, 2
), large_groups AS (
  SELECT user_id, sum(value) AS group_total
  FROM panes
  GROUP BY 1
), large_groups_2 AS (
  SELECT *
  FROM large_groups
  WHERE group_total >= 100
), panes_2 AS (
  SELECT *
  FROM panes
  WHERE (user_id) IN (SELECT user_id FROM large_groups_2)
), windows AS (
  SELECT timestamp_millis(unix_millis(pane) + k * 600000) AS window_end, user_id, sum(value) AS value
  FROM panes_2, (SELECT 1 AS k UNION ALL SELECT 2 UNION ALL SELECT 3 UNION ALL SELECT 4 UNION ALL SELECT 5 UNION ALL SELECT 6) AS spread
  GROUP BY 1, 2
), windows_2 AS (
  SELECT *, timestamp_millis(unix_millis(window_end) - 3600000) AS window_start
  FROM windows
  WHERE value >= 100
), alerts AS (
  SELECT user_id,
    max(value) AS value,
    min(window_start) AS window_start,
    max(window_end) AS window_end
  FROM windows_2
  GROUP BY 1
)
SELECT *, count(*) OVER () AS groups
FROM alerts
ORDER BY value DESC, user_id
LIMIT 100
