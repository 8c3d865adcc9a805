"""Detection content for model extraction, and the toolkit that converts, proves and packages it."""

__version__ = "0.1.0"
