"""Call state: the legs and calls that belong together, and those that were forgotten."""
