"""AWS CloudTrail, events of Bedrock. The mapping is `mappings/sources/cloudtrail.yml`."""
