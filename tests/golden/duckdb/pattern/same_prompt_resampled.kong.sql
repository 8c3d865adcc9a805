WITH events AS (
  SELECT *,
    CASE WHEN TRY_CAST((record->>'$.response.status') AS BIGINT) < 400 THEN 'success' ELSE 'failure' END AS "event.outcome",
    TRY_CAST(coalesce(nullif((record->>'$.ai.proxy.payload.request'), ''), (record->>'$.ai.payload.request')) AS JSON) AS request_body,
    CASE WHEN coalesce(nullif((record->>'$.ai.proxy.cache.cache_status'), ''), nullif((record->>'$.ai."ai-proxy".cache.cache_status'), ''), (record->>'$.ai."ai-proxy-advanced".cache.cache_status')) = 'Hit' THEN TRUE ELSE FALSE END AS "gen_ai.response.cached",
    (record->>'$.authenticated_entity.id') AS "gen_ai.api_key.id"
  FROM kong
  WHERE coalesce(nullif((record->>'$.ai.proxy.meta.provider_name'), ''), nullif((record->>'$.ai."ai-proxy".meta.provider_name'), ''), (record->>'$.ai."ai-proxy-advanced".meta.provider_name')) IS NOT NULL
    AND "event.outcome" = 'success'
    AND ("gen_ai.response.cached" IS NULL OR "gen_ai.response.cached" != TRUE)
    AND "gen_ai.api_key.id" <> ''
), events_2 AS (
  SELECT *,
    TRY_CAST((request_body->>'$.temperature') AS DOUBLE) AS "gen_ai.request.temperature",
    (request_body->'$.messages') AS messages_sent,
    CASE WHEN json_type((request_body->'$.prompt')) = 'VARCHAR' THEN (request_body->>'$.prompt') END AS prompt_sent,
    CASE WHEN json_type((request_body->'$.input')) = 'VARCHAR' THEN (request_body->>'$.input') END AS input_sent
  FROM events
  WHERE ("gen_ai.request.temperature" IS NULL OR "gen_ai.request.temperature" != 0)
), events_3 AS MATERIALIZED (
  SELECT *, (list_filter(flatten(list_transform(json_extract(messages_sent, '$[*]'), lambda message: CASE WHEN (message->>'$.role') = 'user' THEN json_extract(message, '$.content[*].text') || [(message->'$.content')] END)), lambda text: json_type(text) = 'VARCHAR' AND (text->>'$') <> '')[-1]->>'$') AS user_text, (messages_sent->'$[#-1]') AS last_message
  FROM events_2
), events_4 AS (
  SELECT *, coalesce(user_text, prompt_sent, input_sent) AS "gen_ai.prompt", concat(CAST(coalesce(json_array_length(messages_sent), 0) AS VARCHAR), ':', coalesce(CASE WHEN (last_message->>'$.role') = 'tool' AND json_type((last_message->'$.content')) = 'VARCHAR' THEN (last_message->>'$.content') END, '')) AS "gen_ai.input.turn.text"
  FROM events_3
), events_5 AS (
  SELECT *,
    CASE WHEN "gen_ai.prompt" <> '' THEN sha256("gen_ai.prompt") END AS "gen_ai.prompt.hash",
    CASE WHEN "gen_ai.input.turn.text" <> '' THEN sha256("gen_ai.input.turn.text") END AS "gen_ai.input.turn.hash",
    time_bucket(INTERVAL '600 seconds', timestamp, TIMESTAMP '1970-01-01') AS pane
  FROM events_4
  WHERE "gen_ai.prompt.hash" <> ''
    AND "gen_ai.input.turn.hash" <> ''
), panes AS (
  SELECT pane,
    "gen_ai.api_key.id",
    "gen_ai.prompt.hash",
    "gen_ai.input.turn.hash",
    count(*) AS value
  FROM events_5
  GROUP BY ALL
), large_groups AS (
  SELECT "gen_ai.api_key.id",
    "gen_ai.prompt.hash",
    "gen_ai.input.turn.hash",
    sum(value) AS group_total
  FROM panes
  GROUP BY ALL
  HAVING group_total >= 200
), windows AS (
  SELECT pane + k * INTERVAL '600 seconds' AS window_end,
    "gen_ai.api_key.id",
    "gen_ai.prompt.hash",
    "gen_ai.input.turn.hash",
    sum(value) AS value
  FROM panes SEMI JOIN large_groups USING ("gen_ai.api_key.id", "gen_ai.prompt.hash", "gen_ai.input.turn.hash"), unnest(range(1, 7)) AS spread(k)
  GROUP BY ALL
  HAVING value >= 200
), windows_2 AS (
  SELECT *, window_end - INTERVAL '3600 seconds' AS window_start
  FROM windows
), alerts AS (
  SELECT "gen_ai.api_key.id",
    "gen_ai.prompt.hash",
    "gen_ai.input.turn.hash",
    max(value) AS value,
    min(window_start) AS window_start,
    max(window_end) AS window_end
  FROM windows_2
  GROUP BY ALL
)
SELECT *, count(*) OVER () AS groups
FROM alerts
ORDER BY value DESC, "gen_ai.api_key.id", "gen_ai.prompt.hash", "gen_ai.input.turn.hash"
LIMIT 100
