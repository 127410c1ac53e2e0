"""Serves SCXML applications and data tables, and fetches from outside for applications."""
