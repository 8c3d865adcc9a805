"""A real Trino for tests."""
