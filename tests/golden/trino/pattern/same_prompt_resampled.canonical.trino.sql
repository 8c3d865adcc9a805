WITH events AS (
  SELECT timestamp,
    lower(event_outcome) AS event_outcome,
    gen_ai_request_temperature,
    gen_ai_response_cached,
    gen_ai_api_key_id,
    gen_ai_prompt_hash,
    coalesce(gen_ai_input_turn_hash, 'unknown') AS gen_ai_input_turn_hash
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
    AND (gen_ai_request_temperature IS NULL OR gen_ai_request_temperature != 0)
    AND (gen_ai_response_cached IS NULL OR gen_ai_response_cached != TRUE)
    AND gen_ai_api_key_id <> ''
    AND gen_ai_prompt_hash <> ''
    AND gen_ai_input_turn_hash <> ''
), panes AS (
  SELECT pane,
    gen_ai_api_key_id,
    gen_ai_prompt_hash,
    gen_ai_input_turn_hash,
    count(*) AS value
  FROM events_2
  GROUP BY 1, 2, 3, 4
), large_groups AS (
  SELECT gen_ai_api_key_id,
    gen_ai_prompt_hash,
    gen_ai_input_turn_hash,
    sum(value) AS group_total
  FROM panes
  GROUP BY 1, 2, 3
), large_groups_2 AS (
  SELECT *
  FROM large_groups
  WHERE group_total >= 200
), panes_2 AS (
  SELECT *
  FROM panes
  WHERE ROW(gen_ai_api_key_id, gen_ai_prompt_hash, gen_ai_input_turn_hash) IN (SELECT ROW(gen_ai_api_key_id, gen_ai_prompt_hash, gen_ai_input_turn_hash) FROM large_groups_2)
), windows AS (
  SELECT pane + k * INTERVAL '600' SECOND AS window_end,
    gen_ai_api_key_id,
    gen_ai_prompt_hash,
    gen_ai_input_turn_hash,
    sum(value) AS value
  FROM panes_2, UNNEST(ARRAY[1, 2, 3, 4, 5, 6]) AS spread(k)
  GROUP BY 1, 2, 3, 4
), windows_2 AS (
  SELECT *, window_end - INTERVAL '3600' SECOND AS window_start
  FROM windows
  WHERE value >= 200
), alerts AS (
  SELECT gen_ai_api_key_id,
    gen_ai_prompt_hash,
    gen_ai_input_turn_hash,
    max(value) AS value,
    min(window_start) AS window_start,
    max(window_end) AS window_end
  FROM windows_2
  GROUP BY 1, 2, 3
)
SELECT *, count(*) OVER () AS groups
FROM alerts
ORDER BY value DESC, gen_ai_api_key_id, gen_ai_prompt_hash, gen_ai_input_turn_hash
LIMIT 100
