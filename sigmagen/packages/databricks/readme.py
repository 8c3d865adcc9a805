"""The README beside the bundle."""

README = """\
# sigmagen for Databricks

Version {version}. {detections} SQL alerts over a table of canonical events, all paused, and a hunt for each.
**Not run here**: the queries were run on Spark, but no Databricks workspace has deployed this bundle.

1. Write canonical events into a table partitioned by `day`: its columns and types are those of
   `sigmagen normalize --format parquet`.
2. Validate and deploy, with the id of a SQL warehouse:

   ```
   databricks bundle validate --var warehouse_id=0123456789abcdef
   databricks bundle deploy --var warehouse_id=0123456789abcdef --var table=main.security.ai_inference
   ```

3. Run an alert once in the workspace, compare it with the hunt of the same name over a known range, then resume it.

`resources/*.alert.yml` has one alert each: its query looks back as far as the schedule needs, so a run that was late or
left out loses nothing, and it triggers if there is a row. `hunts/*.sql` has the same rules for any range, in the
parameters `range_start` and `range_end`.
"""
