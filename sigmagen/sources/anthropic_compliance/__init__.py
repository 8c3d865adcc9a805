"""Activities of Anthropic's Compliance API. The mapping is `mappings/sources/anthropic_compliance.yml`."""
