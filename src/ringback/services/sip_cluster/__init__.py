"""SIP cluster node: calls, parties and treatments as a back-to-back user agent."""
