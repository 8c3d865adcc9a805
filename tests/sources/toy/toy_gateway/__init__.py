"""A source of the tests: all that one needs, and nothing of it stands elsewhere."""
