"""Config: the cached read API over the configuration of all tenants."""
