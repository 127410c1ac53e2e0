"""What may become of a command to Valkey."""


class ValkeyUnavailable(Exception):
    """No answer: the server is away, or the connection broke while the command was in flight."""


class ValkeyError(Exception):
    """The server answered with an error; the message is its own."""
