"""How an attempt is dialled, what it did, what is reported of it, and when it is forgotten."""
