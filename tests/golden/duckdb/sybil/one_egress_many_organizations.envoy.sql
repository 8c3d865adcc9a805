WITH events AS (
  SELECT *,
    CASE WHEN TRY_CAST((record->>'$.response_code') AS BIGINT) < 100 THEN 'failure' ELSE CASE WHEN TRY_CAST((record->>'$.response_code') AS BIGINT) < 400 THEN 'success' ELSE 'failure' END END AS "event.outcome",
    coalesce(nullif((record->>'$."x-forwarded-for"'), ''), (record->>'$.downstream_remote_address')) AS "source.ip.text",
    (record->>'$."tenant.id"') AS "organization.id"
  FROM envoy
  WHERE coalesce(nullif((record->>'$."gen_ai.request.model"'), ''), (record->>'$.genai_model_name')) IS NOT NULL
    AND "event.outcome" = 'success'
    AND "organization.id" <> ''
), events_2 AS (
  SELECT *, nullif(regexp_extract("source.ip.text", '(?:^|,) *\[?([0-9]{1,3}(?:[.][0-9]{1,3}){3}|[0-9A-Fa-f]*:[0-9A-Fa-f]*:[0-9A-Fa-f:.]*)\]?(?::[0-9]+)? *$', 1), '') AS "source.ip", time_bucket(INTERVAL '600 seconds', timestamp, TIMESTAMP '1970-01-01') AS pane
  FROM events
  WHERE NOT "source.ip" IN ('192.0.2.200', '::ffff:192.0.2.200')
    AND "source.ip" <> ''
), panes AS (
  SELECT pane, "source.ip", "organization.id"
  FROM events_2
  GROUP BY ALL
), large_groups AS (
  SELECT "source.ip", count(*) AS group_total
  FROM panes
  GROUP BY ALL
  HAVING group_total >= 10
), windows AS (
  SELECT pane + k * INTERVAL '600 seconds' AS window_end, "source.ip", "organization.id"
  FROM panes SEMI JOIN large_groups USING ("source.ip"), unnest(range(1, 7)) AS spread(k)
  GROUP BY ALL
), windows_2 AS (
  SELECT window_end, "source.ip", count(*) AS value
  FROM windows
  GROUP BY ALL
  HAVING value >= 10
), windows_3 AS (
  SELECT *, window_end - INTERVAL '3600 seconds' AS window_start
  FROM windows_2
), alerts AS (
  SELECT "source.ip",
    max(value) AS value,
    min(window_start) AS window_start,
    max(window_end) AS window_end
  FROM windows_3
  GROUP BY ALL
)
SELECT *, count(*) OVER () AS groups
FROM alerts
ORDER BY value DESC, "source.ip"
LIMIT 100
