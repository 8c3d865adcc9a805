WITH events AS (
  SELECT timestamp,
    lower(event_outcome) AS event_outcome,
    user_id,
    lower(gen_ai_request_model) AS gen_ai_request_model,
    gen_ai_usage_output_tokens
  FROM ai_inference
  WHERE day >= CAST(CAST(? AS timestamp(3)) AS DATE)
    AND day <= CAST(CAST(? AS timestamp(3)) AS DATE)
    AND timestamp >= CAST(? AS timestamp(3))
    AND timestamp < CAST(? AS timestamp(3))
    AND event_action IS NULL
), events_2 AS (
  SELECT *, timestamp - date_diff('millisecond', TIMESTAMP '1970-01-01 00:00:00.000', timestamp) % 14400000 * INTERVAL '0.001' SECOND AS pane
  FROM events
  WHERE event_outcome = 'success'
    AND NOT lower(user_id) IN ('svc-batch-summariser', 'arn:aws:sts::111122223333:assumed-role/batch-summariser', 'arn:aws:iam::111122223333:role/batch-summariser')
    AND user_id <> ''
    AND gen_ai_request_model <> ''
    AND gen_ai_usage_output_tokens IS NOT NULL
), panes AS (
  SELECT pane,
    user_id,
    gen_ai_request_model,
    sum(gen_ai_usage_output_tokens) AS value
  FROM events_2
  GROUP BY 1, 2, 3
), large_groups AS (
  SELECT user_id, gen_ai_request_model, sum(value) FILTER (WHERE value > 0) AS group_total
  FROM panes
  GROUP BY 1, 2
), large_groups_2 AS (
  SELECT *
  FROM large_groups
  WHERE group_total >= 5000000
), panes_2 AS (
  SELECT *
  FROM panes
  WHERE ROW(user_id, gen_ai_request_model) IN (SELECT ROW(user_id, gen_ai_request_model) FROM large_groups_2)
), windows AS (
  SELECT pane + k * INTERVAL '14400' SECOND AS window_end,
    user_id,
    gen_ai_request_model,
    sum(value) AS value
  FROM panes_2, UNNEST(ARRAY[1, 2, 3, 4, 5, 6]) AS spread(k)
  GROUP BY 1, 2, 3
), windows_2 AS (
  SELECT *, window_end - INTERVAL '86400' SECOND AS window_start
  FROM windows
  WHERE value >= 5000000
), alerts AS (
  SELECT user_id,
    gen_ai_request_model,
    max(value) AS value,
    min(window_start) AS window_start,
    max(window_end) AS window_end
  FROM windows_2
  GROUP BY 1, 2
)
SELECT *, count(*) OVER () AS groups
FROM alerts
ORDER BY value DESC, user_id, gen_ai_request_model
LIMIT 100
