WITH events AS (
  SELECT timestamp,
    lower(event_outcome) AS event_outcome,
    user_id,
    gen_ai_prompt_head_hash,
    gen_ai_prompt_hash
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
    AND user_id <> ''
    AND gen_ai_prompt_head_hash <> ''
    AND gen_ai_prompt_hash <> ''
), panes AS (
  SELECT pane,
    user_id,
    gen_ai_prompt_head_hash,
    gen_ai_prompt_hash
  FROM events_2
  GROUP BY 1, 2, 3, 4
), large_groups AS (
  SELECT user_id, gen_ai_prompt_head_hash, count(*) AS group_total
  FROM panes
  GROUP BY 1, 2
), large_groups_2 AS (
  SELECT *
  FROM large_groups
  WHERE group_total >= 1000
), panes_2 AS (
  SELECT *
  FROM panes
  WHERE ROW(user_id, gen_ai_prompt_head_hash) IN (SELECT ROW(user_id, gen_ai_prompt_head_hash) FROM large_groups_2)
), windows AS (
  SELECT pane + k * INTERVAL '14400' SECOND AS window_end,
    user_id,
    gen_ai_prompt_head_hash,
    gen_ai_prompt_hash
  FROM panes_2, UNNEST(ARRAY[1, 2, 3, 4, 5, 6]) AS spread(k)
  GROUP BY 1, 2, 3, 4
), windows_2 AS (
  SELECT window_end,
    user_id,
    gen_ai_prompt_head_hash,
    count(*) AS value
  FROM windows
  GROUP BY 1, 2, 3
), windows_3 AS (
  SELECT *, window_end - INTERVAL '86400' SECOND AS window_start
  FROM windows_2
  WHERE value >= 1000
), alerts AS (
  SELECT user_id,
    gen_ai_prompt_head_hash,
    max(value) AS value,
    min(window_start) AS window_start,
    max(window_end) AS window_end
  FROM windows_3
  GROUP BY 1, 2
)
SELECT *, count(*) OVER () AS groups
FROM alerts
ORDER BY value DESC, user_id, gen_ai_prompt_head_hash
LIMIT 100
