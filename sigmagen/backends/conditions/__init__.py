"""How each dialect writes the comparisons of a detection: one module a dialect, mixed into its printer."""
