WITH events AS (
  SELECT *,
    (record->>'$.eventSource') AS eventSource,
    (record->>'$.eventName') AS eventName,
    (record->>'$.errorCode') AS errorCode,
    (record->>'$.sessionCredentialFromConsole') AS sessionCredentialFromConsole,
    (record->>'$.userIdentity.accessKeyId') AS "userIdentity.accessKeyId"
  FROM cloudtrail
  WHERE lower(eventSource) = 'bedrock.amazonaws.com'
    AND (sessionCredentialFromConsole IS NULL OR lower(sessionCredentialFromConsole) != 'true')
    AND ((lower(eventName) IN ('invokemodel', 'invokemodelwithresponsestream', 'converse', 'conversestream') AND lower(errorCode) IN ('validationexception', 'accessdenied', 'accessdeniedexception')) OR lower(eventName) = 'getmodelinvocationloggingconfiguration' OR (lower(eventName) IN ('invokemodel', 'invokemodelwithresponsestream', 'converse', 'conversestream') AND errorCode IS NULL))
    AND "userIdentity.accessKeyId" <> ''
), events_2 AS (
  SELECT *,
    CASE WHEN lower(eventName) IN ('invokemodel', 'invokemodelwithresponsestream', 'converse', 'conversestream') AND lower(errorCode) IN ('validationexception', 'accessdenied', 'accessdeniedexception') THEN date_trunc('milliseconds', timestamp) END AS step_1,
    CASE WHEN lower(eventName) = 'getmodelinvocationloggingconfiguration' THEN date_trunc('milliseconds', timestamp) END AS step_2,
    CASE WHEN lower(eventName) IN ('invokemodel', 'invokemodelwithresponsestream', 'converse', 'conversestream') AND errorCode IS NULL THEN date_trunc('milliseconds', timestamp) END AS step_3,
    time_bucket(INTERVAL '150 seconds', timestamp, TIMESTAMP '1970-01-01') AS pane
  FROM events
), windows AS (
  SELECT pane + k * INTERVAL '150 seconds' AS window_end,
    "userIdentity.accessKeyId",
    min(step_1) AS step_1,
    list(DISTINCT step_2) FILTER (step_2 IS NOT NULL) AS step_2,
    max(step_3) AS step_3
  FROM events_2, unnest(range(1, 7)) AS spread(k)
  GROUP BY ALL
), windows_2 AS (
  SELECT * REPLACE (unnest(step_2) AS step_2)
  FROM windows
), windows_3 AS (
  SELECT *
  FROM windows_2
  WHERE step_1 <= step_2
), windows_4 AS (
  SELECT window_end,
    "userIdentity.accessKeyId",
    min(step_2) AS step_2,
    max(step_3) AS step_3
  FROM windows_3
  GROUP BY ALL
  HAVING step_2 <= step_3
), windows_5 AS (
  SELECT *, 3 AS value, window_end - INTERVAL '900 seconds' AS window_start
  FROM windows_4
), alerts AS (
  SELECT "userIdentity.accessKeyId",
    max(value) AS value,
    min(window_start) AS window_start,
    max(window_end) AS window_end
  FROM windows_5
  GROUP BY ALL
)
SELECT *, count(*) OVER () AS groups
FROM alerts
ORDER BY value DESC, "userIdentity.accessKeyId"
LIMIT 100
