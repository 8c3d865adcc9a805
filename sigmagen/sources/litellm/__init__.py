"""LiteLLM proxy. The mapping is `mappings/sources/litellm.yml`."""
