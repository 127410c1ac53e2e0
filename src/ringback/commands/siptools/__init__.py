"""`ringback sip …`: hand tools for people who look after telephones and trunks."""
