"""Media: prompts, music, digits and messages for calls, as a SIP user agent behind sip_proxy."""
