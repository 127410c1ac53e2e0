"""Who asks: users and tokens (8095), API keys and their tenants (8091), privileges (8092)."""
