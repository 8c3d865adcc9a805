"""Azure OpenAI and Azure AI Foundry diagnostics. The mapping is `mappings/sources/azure_openai.yml`."""
