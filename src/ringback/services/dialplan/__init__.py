"""Dialplan: where a dialled number goes."""
