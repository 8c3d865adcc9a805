"""Google Cloud audit log of Vertex AI. The mapping is `mappings/sources/vertex_audit.yml`."""
