"""Connecting to servers: settings, secrets, addresses and the HTTP client. Imports only `sigmagen.problems`."""
