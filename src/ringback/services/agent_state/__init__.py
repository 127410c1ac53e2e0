"""Agent state: log in, ready, not ready; follows calls; no agent stays stuck."""
