"""What the router waits for, by name."""

DEADLINE, LEASE, RETRY, STEP, LOOK, GROW = "deadline", "lease", "retry", "step", "look", "grow"

LOOK_S = 1.0
"""Seconds between two looks at thresholds that may come true by themselves."""
