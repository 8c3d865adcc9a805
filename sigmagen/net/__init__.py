"""Talking to servers: settings, secrets, addresses, and one HTTP client. Imports nothing of sigmagen but `problems`."""
