"""Langfuse, observations of its blob storage export. The mapping is `mappings/sources/langfuse.yml`."""
