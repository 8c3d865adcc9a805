WITH events AS (
  SELECT *,
    CASE WHEN (record->>'$.errorCode') IS NOT NULL THEN 'failure' ELSE 'success' END AS "event.outcome",
    (record->'$.input.inputBodyJson.messages') AS messages_sent,
    (record->>'$.accountId') AS "organization.id"
  FROM bedrock_invocation
  WHERE "event.outcome" = 'success'
), events_2 AS MATERIALIZED (
  SELECT *, (list_filter(flatten(list_transform(json_extract(messages_sent, '$[*]'), lambda message: CASE WHEN (message->>'$.role') = 'user' THEN list_transform(json_extract(message, '$.content[*]'), lambda part: coalesce((part->'$.text'), (part->'$.guardContent.text.text'))) || [(message->'$.content')] END)), lambda text: json_type(text) = 'VARCHAR' AND (text->>'$') <> '')[-1]->>'$') AS user_text
  FROM events
), events_3 AS (
  SELECT *, coalesce(user_text, nullif((record->>'$.input.inputBodyJson.prompt'), ''), nullif((record->>'$.input.inputBodyJson.inputText'), ''), nullif((record->>'$.input.inputBodyJson.message'), ''), (record->>'$.input.inputBodyJson.texts[#-1]')) AS "gen_ai.prompt.text"
  FROM events_2
), events_4 AS (
  SELECT *, CASE WHEN "gen_ai.prompt.text" IN ('[REDACTED]') THEN NULL ELSE "gen_ai.prompt.text" END AS "gen_ai.prompt"
  FROM events_3
), events_5 AS (
  SELECT *, left(regexp_replace(regexp_replace(regexp_replace("gen_ai.prompt", '[0-9]+', '0', 'g'), '"[^"]*"', '""', 'g'), '[ \t\n\r]+', ' ', 'g'), 64) AS "gen_ai.prompt.head.text", CASE WHEN "gen_ai.prompt" <> '' THEN sha256("gen_ai.prompt") END AS "gen_ai.prompt.hash"
  FROM events_4
), events_6 AS (
  SELECT *, CASE WHEN "gen_ai.prompt.head.text" <> '' THEN sha256("gen_ai.prompt.head.text") END AS "gen_ai.prompt.head.hash", time_bucket(INTERVAL '600 seconds', timestamp, TIMESTAMP '1970-01-01') AS pane
  FROM events_5
  WHERE "gen_ai.prompt.head.hash" <> ''
), panes AS (
  SELECT pane,
    "gen_ai.prompt.head.hash",
    "organization.id",
    "gen_ai.prompt.hash"
  FROM events_6
  GROUP BY ALL
), windows AS (
  SELECT pane + k * INTERVAL '600 seconds' AS window_end,
    "gen_ai.prompt.head.hash",
    count(DISTINCT "organization.id") FILTER ("organization.id" <> '') AS value_1,
    count(DISTINCT "gen_ai.prompt.hash") FILTER ("gen_ai.prompt.hash" <> '') AS value_2
  FROM panes, unnest(range(1, 7)) AS spread(k)
  GROUP BY ALL
  HAVING (value_1 >= 10 OR value_2 >= 50)
), windows_2 AS (
  SELECT *,
    CASE WHEN value_1 >= 10 THEN 1 ELSE 0 END AS rule_1,
    CASE WHEN value_2 >= 50 THEN 1 ELSE 0 END AS rule_2,
    time_bucket(INTERVAL '600 seconds', window_end - INTERVAL '1 milliseconds', TIMESTAMP '1970-01-01') AS pane
  FROM windows
), panes_2 AS (
  SELECT pane,
    "gen_ai.prompt.head.hash",
    max(rule_1) AS rule_1,
    max(rule_2) AS rule_2
  FROM windows_2
  GROUP BY ALL
), windows_3 AS (
  SELECT pane + k * INTERVAL '600 seconds' AS window_end,
    "gen_ai.prompt.head.hash",
    max(rule_1) AS rule_1,
    max(rule_2) AS rule_2
  FROM panes_2, unnest(range(1, 7)) AS spread(k)
  GROUP BY ALL
), windows_4 AS (
  SELECT *, rule_1 + rule_2 AS value, window_end - INTERVAL '3600 seconds' AS window_start
  FROM windows_3
  WHERE value = 2
), alerts AS (
  SELECT "gen_ai.prompt.head.hash",
    max(value) AS value,
    min(window_start) AS window_start,
    max(window_end) AS window_end
  FROM windows_4
  GROUP BY ALL
)
SELECT *, count(*) OVER () AS groups
FROM alerts
ORDER BY value DESC, "gen_ai.prompt.head.hash"
LIMIT 100
