"""OpenTelemetry GenAI spans. The mapping is `mappings/sources/otel_genai.yml`."""
