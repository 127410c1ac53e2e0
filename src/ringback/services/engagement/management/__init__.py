"""The management API `/api/v1`: callbacks, queues, settings, rules, keys and the audit log, for people."""
