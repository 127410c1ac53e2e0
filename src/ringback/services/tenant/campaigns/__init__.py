"""Outbound campaigns: provisioning and control (5050), dialling, and what is reported of it."""
