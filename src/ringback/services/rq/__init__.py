"""The request queue: routing requests and results between orchestration, the router and the cluster."""
