"""Amazon SageMaker data capture. The mapping is `mappings/sources/sagemaker_capture.yml`."""
