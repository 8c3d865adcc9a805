"""Envoy AI Gateway. The mapping is `mappings/sources/envoy.yml`."""
