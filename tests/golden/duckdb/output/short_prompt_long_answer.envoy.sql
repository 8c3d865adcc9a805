WITH events AS (
  SELECT *,
    CASE WHEN TRY_CAST((record->>'$.response_code') AS BIGINT) < 100 THEN 'failure' ELSE CASE WHEN TRY_CAST((record->>'$.response_code') AS BIGINT) < 400 THEN 'success' ELSE 'failure' END END AS "event.outcome",
    coalesce(TRY_CAST((record->>'$."gen_ai.usage.input_tokens"') AS BIGINT), TRY_CAST((record->>'$.genai_tokens_input') AS BIGINT)) AS "gen_ai.usage.input_tokens",
    coalesce(TRY_CAST((record->>'$."gen_ai.usage.output_tokens"') AS BIGINT), TRY_CAST((record->>'$.genai_tokens_output') AS BIGINT)) AS "gen_ai.usage.output_tokens",
    (record->>'$."user.id"') AS "user.id"
  FROM envoy
  WHERE coalesce(nullif((record->>'$."gen_ai.request.model"'), ''), (record->>'$.genai_model_name')) IS NOT NULL
    AND "event.outcome" = 'success'
    AND "gen_ai.usage.input_tokens" < 500
    AND "user.id" <> ''
), events_2 AS (
  SELECT *, "gen_ai.usage.output_tokens" AS "gen_ai.usage.visible.output_tokens", time_bucket(INTERVAL '600 seconds', timestamp, TIMESTAMP '1970-01-01') AS pane
  FROM events
  WHERE "gen_ai.usage.visible.output_tokens" >= 500
), panes AS (
  SELECT pane, "user.id", count(*) AS value
  FROM events_2
  GROUP BY ALL
), large_groups AS (
  SELECT "user.id", sum(value) AS group_total
  FROM panes
  GROUP BY ALL
  HAVING group_total >= 100
), windows AS (
  SELECT pane + k * INTERVAL '600 seconds' AS window_end, "user.id", sum(value) AS value
  FROM panes SEMI JOIN large_groups USING ("user.id"), unnest(range(1, 7)) AS spread(k)
  GROUP BY ALL
  HAVING value >= 100
), windows_2 AS (
  SELECT *, window_end - INTERVAL '3600 seconds' AS window_start
  FROM windows
), alerts AS (
  SELECT "user.id",
    max(value) AS value,
    min(window_start) AS window_start,
    max(window_end) AS window_end
  FROM windows_2
  GROUP BY ALL
)
SELECT *, count(*) OVER () AS groups
FROM alerts
ORDER BY value DESC, "user.id"
LIMIT 100
