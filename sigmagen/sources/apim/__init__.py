"""Azure API Management in front of Azure OpenAI. The mapping is `mappings/sources/apim.yml`."""
