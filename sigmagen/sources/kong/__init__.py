"""Kong AI Gateway. The mapping is `mappings/sources/kong.yml`."""
