"""Call-in: a customer gets a number to dial, and perhaps a code, and is recognised when the call comes."""
