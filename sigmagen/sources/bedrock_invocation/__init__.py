"""Amazon Bedrock's model invocation log. The mapping is `mappings/sources/bedrock_invocation.yml`."""
