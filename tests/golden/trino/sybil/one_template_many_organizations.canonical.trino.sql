WITH events AS (
  SELECT timestamp,
    lower(event_outcome) AS event_outcome,
    gen_ai_prompt_head_hash,
    organization_id,
    gen_ai_prompt_hash
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
    AND gen_ai_prompt_head_hash <> ''
), panes AS (
  SELECT pane,
    gen_ai_prompt_head_hash,
    organization_id,
    gen_ai_prompt_hash
  FROM events_2
  GROUP BY 1, 2, 3, 4
), windows AS (
  SELECT pane + k * INTERVAL '600' SECOND AS window_end,
    gen_ai_prompt_head_hash,
    count(DISTINCT organization_id) FILTER (WHERE organization_id <> '') AS value_1,
    count(DISTINCT gen_ai_prompt_hash) FILTER (WHERE gen_ai_prompt_hash <> '') AS value_2
  FROM panes, UNNEST(ARRAY[1, 2, 3, 4, 5, 6]) AS spread(k)
  GROUP BY 1, 2
), windows_2 AS (
  SELECT *,
    CASE WHEN value_1 >= 10 THEN 1 ELSE 0 END AS rule_1,
    CASE WHEN value_2 >= 50 THEN 1 ELSE 0 END AS rule_2,
    (window_end - INTERVAL '0.001' SECOND) - date_diff('millisecond', TIMESTAMP '1970-01-01 00:00:00.000', (window_end - INTERVAL '0.001' SECOND)) % 600000 * INTERVAL '0.001' SECOND AS pane
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
  SELECT pane + k * INTERVAL '600' SECOND AS window_end,
    gen_ai_prompt_head_hash,
    max(rule_1) AS rule_1,
    max(rule_2) AS rule_2
  FROM panes_2, UNNEST(ARRAY[1, 2, 3, 4, 5, 6]) AS spread(k)
  GROUP BY 1, 2
), windows_4 AS (
  SELECT *, rule_1 + rule_2 AS value
  FROM windows_3
), windows_5 AS (
  SELECT *, window_end - INTERVAL '3600' SECOND AS window_start
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
