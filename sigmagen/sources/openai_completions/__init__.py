"""OpenAI's stored chat completions. The mapping is `mappings/sources/openai_completions.yml`."""
