"""VoiceXML 2.1 for applications of keys and prompts, usable alone."""
