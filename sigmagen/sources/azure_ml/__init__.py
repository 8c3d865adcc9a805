"""Azure Machine Learning's online endpoints. The mapping is `mappings/sources/azure_ml.yml`."""
