"""Outbound campaigns: who is dialled, when, how many at a time, and what follows. Pure."""
