"""The only SIP entrance: phones and trunks outside, cluster nodes and media inside (RFC 3261 16)."""
