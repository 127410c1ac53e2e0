"""Media: RTP, G.711, DTMF, tones, prompts, mixing and recording. Pure parts, and one thin UDP shell."""
