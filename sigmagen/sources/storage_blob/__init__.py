"""Azure Blob Storage resource logs. The mapping is `mappings/sources/storage_blob.yml`."""
