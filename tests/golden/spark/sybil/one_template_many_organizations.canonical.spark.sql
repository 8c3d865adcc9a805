WITH events AS (
  SELECT timestamp,
    lower(event_outcome) AS event_outcome,
    gen_ai_prompt_head_hash,
    organization_id,
    gen_ai_prompt_hash
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
    AND gen_ai_prompt_head_hash <> ''
), panes AS (
  SELECT pane,
    gen_ai_prompt_head_hash,
    organization_id,
    gen_ai_prompt_hash
  FROM events_2
  GROUP BY 1, 2, 3, 4
), windows AS (
  SELECT timestamp_millis(unix_millis(pane) + k * 600000) AS window_end,
    gen_ai_prompt_head_hash,
    count(DISTINCT organization_id) FILTER (WHERE organization_id <> '') AS value_1,
    count(DISTINCT gen_ai_prompt_hash) FILTER (WHERE gen_ai_prompt_hash <> '') AS value_2
  FROM panes, (SELECT 1 AS k UNION ALL SELECT 2 UNION ALL SELECT 3 UNION ALL SELECT 4 UNION ALL SELECT 5 UNION ALL SELECT 6) AS spread
  GROUP BY 1, 2
), windows_2 AS (
  SELECT *,
    CASE WHEN value_1 >= 10 THEN 1 ELSE 0 END AS rule_1,
    CASE WHEN value_2 >= 50 THEN 1 ELSE 0 END AS rule_2,
    timestamp_millis(unix_millis(timestamp_millis(unix_millis(window_end) - 1)) - pmod(unix_millis(timestamp_millis(unix_millis(window_end) - 1)), 600000)) AS pane
  FROM windows
  WHERE (value_1 >= 10 OR value_2 >= 50)
), panes_2 AS (
  SELECT pane,
    gen_ai_prompt_head_hash,
    max(rule_1) AS rule_1,
    max(rule_2) AS rule_2
  FROM windows_2
  GROUP BY 1, 2
), windows_3 AS (
  SELECT timestamp_millis(unix_millis(pane) + k * 600000) AS window_end,
    gen_ai_prompt_head_hash,
    max(rule_1) AS rule_1,
    max(rule_2) AS rule_2
  FROM panes_2, (SELECT 1 AS k UNION ALL SELECT 2 UNION ALL SELECT 3 UNION ALL SELECT 4 UNION ALL SELECT 5 UNION ALL SELECT 6) AS spread
  GROUP BY 1, 2
), windows_4 AS (
  SELECT *, rule_1 + rule_2 AS value
  FROM windows_3
), windows_5 AS (
  SELECT *, timestamp_millis(unix_millis(window_end) - 3600000) AS window_start
  FROM windows_4
  WHERE value = 2
), alerts AS (
  SELECT gen_ai_prompt_head_hash,
    max(value) AS value,
    min(window_start) AS window_start,
    max(window_end) AS window_end
  FROM windows_5
  GROUP BY 1
)
SELECT *, count(*) OVER () AS groups
FROM alerts
ORDER BY value DESC, gen_ai_prompt_head_hash
LIMIT 100
