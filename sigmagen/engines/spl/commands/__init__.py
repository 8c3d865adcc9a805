"""The commands. Each has a parser that turns its arguments into a Command."""
