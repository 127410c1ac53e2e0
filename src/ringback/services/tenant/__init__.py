"""One tenant's heart: configuration, routing, statistics, telephony."""
