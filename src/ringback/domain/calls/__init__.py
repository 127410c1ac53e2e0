"""The call: a back-to-back user agent's rules, without a socket, a clock or a SIP message."""
