WITH events AS (
  SELECT *,
    CASE WHEN TRY_CAST((record->>'$.properties.responseCode') AS BIGINT) < 400 THEN 'success' ELSE 'failure' END AS "event.outcome",
    TRY_CAST((record->>'$.properties.backendRequestBody') AS JSON) AS request_body,
    (record->>'$.properties.cache') = 'hit' AS "gen_ai.response.cached",
    (record->>'$.properties.apimSubscriptionId') AS "gen_ai.api_key.id"
  FROM apim
  WHERE (record->>'$.properties.operationId') IN ('ChatCompletions_Create', 'Completions_Create', 'Embeddings_Create')
    AND "event.outcome" = 'success'
    AND ("gen_ai.response.cached" IS NULL OR "gen_ai.response.cached" != TRUE)
    AND "gen_ai.api_key.id" <> ''
), events_2 AS (
  SELECT *, TRY_CAST((request_body->>'$.temperature') AS DOUBLE) AS "gen_ai.request.temperature", (request_body->'$.messages') AS messages_sent
  FROM events
  WHERE ("gen_ai.request.temperature" IS NULL OR "gen_ai.request.temperature" != 0)
), events_3 AS (
  SELECT *, CASE WHEN (messages_sent->>'$[#-1].role') = 'user' THEN (messages_sent->'$[#-1]') ELSE (messages_sent->'$[#-2]') END AS user_message
  FROM events_2
), events_4 AS (
  SELECT *, CASE WHEN (user_message->>'$.role') = 'user' THEN CASE WHEN json_type((user_message->'$.content')) = 'VARCHAR' THEN (user_message->>'$.content') ELSE (user_message->>'$.content[#-1].text') END END AS user_text
  FROM events_3
), events_5 AS (
  SELECT *, CASE WHEN user_text IN ('[REDACTED]') THEN NULL ELSE user_text END AS "gen_ai.prompt"
  FROM events_4
), events_6 AS (
  SELECT *, CASE WHEN "gen_ai.prompt" <> '' THEN sha256("gen_ai.prompt") END AS "gen_ai.prompt.hash", time_bucket(INTERVAL '600 seconds', timestamp, TIMESTAMP '1970-01-01') AS pane
  FROM events_5
  WHERE "gen_ai.prompt.hash" <> ''
), panes AS (
  SELECT pane,
    "gen_ai.api_key.id",
    "gen_ai.prompt.hash",
    count(*) AS value
  FROM events_6
  GROUP BY ALL
), large_groups AS (
  SELECT "gen_ai.api_key.id", "gen_ai.prompt.hash", sum(value) AS group_total
  FROM panes
  GROUP BY ALL
  HAVING group_total >= 200
), windows AS (
  SELECT pane + k * INTERVAL '600 seconds' AS window_end,
    "gen_ai.api_key.id",
    "gen_ai.prompt.hash",
    sum(value) AS value
  FROM panes SEMI JOIN large_groups USING ("gen_ai.api_key.id", "gen_ai.prompt.hash"), unnest(range(1, 7)) AS spread(k)
  GROUP BY ALL
  HAVING value >= 200
), windows_2 AS (
  SELECT *, window_end - INTERVAL '3600 seconds' AS window_start
  FROM windows
), alerts AS (
  SELECT "gen_ai.api_key.id",
    "gen_ai.prompt.hash",
    max(value) AS value,
    min(window_start) AS window_start,
    max(window_end) AS window_end
  FROM windows_2
  GROUP BY ALL
)
SELECT *, count(*) OVER () AS groups
FROM alerts
ORDER BY value DESC, "gen_ai.api_key.id", "gen_ai.prompt.hash"
LIMIT 100
