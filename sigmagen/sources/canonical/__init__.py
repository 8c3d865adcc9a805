"""Canonical events, as `sigmagen normalize` writes them. The mapping is `mappings/sources/canonical.yml`."""
