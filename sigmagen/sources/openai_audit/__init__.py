"""The audit log of an OpenAI organization. The mapping is `mappings/sources/openai_audit.yml`."""
