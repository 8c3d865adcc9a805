"""How each dialect computes values and aggregates: one module a dialect, mixed into its printer."""
