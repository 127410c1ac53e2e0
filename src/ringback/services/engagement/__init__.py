"""Callbacks: the Engagement API v3, the scheduler, the link to the sessions that dial, the status page."""
