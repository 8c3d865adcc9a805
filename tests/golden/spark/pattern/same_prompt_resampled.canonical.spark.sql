WITH events AS (
  SELECT timestamp,
    lower(event_outcome) AS event_outcome,
    gen_ai_request_temperature,
    gen_ai_response_cached,
    gen_ai_api_key_id,
    gen_ai_prompt_hash,
    coalesce(gen_ai_input_turn_hash, 'unknown') AS gen_ai_input_turn_hash
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
  WHERE (gen_ai_api_key_id, gen_ai_prompt_hash, gen_ai_input_turn_hash) IN (SELECT gen_ai_api_key_id, gen_ai_prompt_hash, gen_ai_input_turn_hash FROM large_groups_2)
), windows AS (
  SELECT timestamp_millis(unix_millis(pane) + k * 600000) AS window_end,
    gen_ai_api_key_id,
    gen_ai_prompt_hash,
    gen_ai_input_turn_hash,
    sum(value) AS value
  FROM panes_2, (SELECT 1 AS k UNION ALL SELECT 2 UNION ALL SELECT 3 UNION ALL SELECT 4 UNION ALL SELECT 5 UNION ALL SELECT 6) AS spread
  GROUP BY 1, 2, 3, 4
), windows_2 AS (
  SELECT *, timestamp_millis(unix_millis(window_end) - 3600000) AS window_start
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
