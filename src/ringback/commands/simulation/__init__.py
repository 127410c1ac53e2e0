"""A contact centre under a virtual clock: the router as it is, callers and agents by chance."""
