WITH events AS (
  SELECT timestamp,
    lower(event_outcome) AS event_outcome,
    gen_ai_usage_input_tokens,
    gen_ai_usage_visible_output_tokens,
    user_id
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
  SELECT pane + k * INTERVAL '600' SECOND AS window_end, user_id, sum(value) AS value
  FROM panes_2, UNNEST(ARRAY[1, 2, 3, 4, 5, 6]) AS spread(k)
  GROUP BY 1, 2
), windows_2 AS (
  SELECT *, window_end - INTERVAL '3600' SECOND AS window_start
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
