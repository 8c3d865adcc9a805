WITH events AS (
  SELECT *,
    TRY_CAST((record->>'$."gen_ai.request.logprobs"') AS BOOLEAN) AS "gen_ai.request.logprobs",
    TRY_CAST((record->>'$."gen_ai.request.logit_bias.present"') AS BOOLEAN) AS "gen_ai.request.logit_bias.present",
    TRY_CAST((record->>'$."gen_ai.request.max_tokens"') AS BIGINT) AS "gen_ai.request.max_tokens",
    (record->>'$."gen_ai.api_key.id"') AS "gen_ai.api_key.id",
    lower((record->>'$."gen_ai.request.model"')) AS "gen_ai.request.model",
    time_bucket(INTERVAL '600 seconds', timestamp, TIMESTAMP '1970-01-01') AS pane
  FROM canonical
  WHERE (record->>'$."event.action"') IS NULL
    AND "gen_ai.request.logprobs" = TRUE
    AND "gen_ai.request.logit_bias.present" = TRUE
    AND "gen_ai.request.max_tokens" <= 5
    AND "gen_ai.api_key.id" <> ''
    AND "gen_ai.request.model" <> ''
), panes AS (
  SELECT pane,
    "gen_ai.api_key.id",
    "gen_ai.request.model",
    count(*) AS value
  FROM events
  GROUP BY ALL
), large_groups AS (
  SELECT "gen_ai.api_key.id", "gen_ai.request.model", sum(value) AS group_total
  FROM panes
  GROUP BY ALL
  HAVING group_total >= 50
), windows AS (
  SELECT pane + k * INTERVAL '600 seconds' AS window_end,
    "gen_ai.api_key.id",
    "gen_ai.request.model",
    sum(value) AS value
  FROM panes SEMI JOIN large_groups USING ("gen_ai.api_key.id", "gen_ai.request.model"), unnest(range(1, 7)) AS spread(k)
  GROUP BY ALL
  HAVING value >= 50
), windows_2 AS (
  SELECT *, window_end - INTERVAL '3600 seconds' AS window_start
  FROM windows
), alerts AS (
  SELECT "gen_ai.api_key.id",
    "gen_ai.request.model",
    max(value) AS value,
    min(window_start) AS window_start,
    max(window_end) AS window_end
  FROM windows_2
  GROUP BY ALL
)
SELECT *, count(*) OVER () AS groups
FROM alerts
ORDER BY value DESC, "gen_ai.api_key.id", "gen_ai.request.model"
LIMIT 100
