"""Runs a SCXML session for every call on a route point and for every callback."""
