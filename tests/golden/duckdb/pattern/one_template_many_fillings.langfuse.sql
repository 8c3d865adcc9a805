WITH events AS (
  SELECT *,
    CASE WHEN (record->>'$.level') = 'ERROR' THEN 'failure' ELSE CASE WHEN (record->>'$.end_time') IS NOT NULL THEN 'success' ELSE 'unknown' END END AS "event.outcome",
    (record->>'$.user_id') AS "user.id",
    TRY_CAST((record->>'$.input') AS JSON) AS input_given
  FROM langfuse
  WHERE (record->>'$.type') IN ('GENERATION', 'EMBEDDING')
    AND "event.outcome" = 'success'
    AND "user.id" <> ''
), events_2 AS (
  SELECT *, coalesce((input_given->'$.messages'), input_given) AS messages_sent
  FROM events
), events_3 AS MATERIALIZED (
  SELECT *, (list_filter(flatten(list_transform(json_extract(messages_sent, '$[*]'), lambda message: CASE WHEN (message->>'$.role') = 'user' THEN json_extract(message, '$.content[*].text') || [(message->'$.content')] END)), lambda text: json_type(text) = 'VARCHAR' AND (text->>'$') <> '')[-1]->>'$') AS user_text
  FROM events_2
), events_4 AS (
  SELECT *, user_text AS "gen_ai.prompt"
  FROM events_3
), events_5 AS (
  SELECT *, left(regexp_replace(regexp_replace(regexp_replace("gen_ai.prompt", '[0-9]+', '0', 'g'), '"[^"]*"', '""', 'g'), '[ \t\n\r]+', ' ', 'g'), 64) AS "gen_ai.prompt.head.text", CASE WHEN "gen_ai.prompt" <> '' THEN sha256("gen_ai.prompt") END AS "gen_ai.prompt.hash"
  FROM events_4
  WHERE "gen_ai.prompt.hash" <> ''
), events_6 AS (
  SELECT *, CASE WHEN "gen_ai.prompt.head.text" <> '' THEN sha256("gen_ai.prompt.head.text") END AS "gen_ai.prompt.head.hash", time_bucket(INTERVAL '14400 seconds', timestamp, TIMESTAMP '1970-01-01') AS pane
  FROM events_5
  WHERE "gen_ai.prompt.head.hash" <> ''
), panes AS (
  SELECT pane,
    "user.id",
    "gen_ai.prompt.head.hash",
    "gen_ai.prompt.hash"
  FROM events_6
  GROUP BY ALL
), large_groups AS (
  SELECT "user.id", "gen_ai.prompt.head.hash", count(*) AS group_total
  FROM panes
  GROUP BY ALL
  HAVING group_total >= 1000
), windows AS (
  SELECT pane + k * INTERVAL '14400 seconds' AS window_end,
    "user.id",
    "gen_ai.prompt.head.hash",
    "gen_ai.prompt.hash"
  FROM panes SEMI JOIN large_groups USING ("user.id", "gen_ai.prompt.head.hash"), unnest(range(1, 7)) AS spread(k)
  GROUP BY ALL
), windows_2 AS (
  SELECT window_end,
    "user.id",
    "gen_ai.prompt.head.hash",
    count(*) AS value
  FROM windows
  GROUP BY ALL
  HAVING value >= 1000
), windows_3 AS (
  SELECT *, window_end - INTERVAL '86400 seconds' AS window_start
  FROM windows_2
), alerts AS (
  SELECT "user.id",
    "gen_ai.prompt.head.hash",
    max(value) AS value,
    min(window_start) AS window_start,
    max(window_end) AS window_end
  FROM windows_3
  GROUP BY ALL
)
SELECT *, count(*) OVER () AS groups
FROM alerts
ORDER BY value DESC, "user.id", "gen_ai.prompt.head.hash"
LIMIT 100
