"""nginx in front of a served model. The mapping is `mappings/sources/access_log.yml`."""
