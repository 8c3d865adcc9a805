"""The commands, one parser each: arguments in, a Command out."""
