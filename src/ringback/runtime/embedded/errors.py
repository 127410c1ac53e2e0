"""The one error of the embedded servers."""


class EmbeddedError(Exception):
    """A server could not be started; the message is one line that says what to do."""
