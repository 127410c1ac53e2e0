"""Mailboxes: they take a message when nobody answers, keep it, and give it to its owner."""
