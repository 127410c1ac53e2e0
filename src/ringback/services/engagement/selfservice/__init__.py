"""Self-service: the customer's own page of a callback, opened by a signed link."""
