"""From an alert to the queries that an analyst runs next."""
