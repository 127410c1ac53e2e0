"""FrontEnd: telephony requests, forwarded to the node that owns the call."""
