"""Databricks model serving, inference table. The mapping is `mappings/sources/databricks.yml`."""
