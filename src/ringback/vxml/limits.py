"""What one dialog may use."""

from ringback import sandbox


class Limits(sandbox.Limits, frozen=True):
    """Bounds of documents and of dialogs; one object may be shared by all."""

    steps: int = 20_000
    """Elements that one input may cause to be executed."""
    fetches: int = 50
    """Documents and data that are fetched without a key from the caller in between."""
    plays: int = 100
    """Times that prompts are played to their end without the caller being listened to in between."""
    subdialogs: int = 10
    """Subdialogs inside one another."""
    prompts: int = 500
    """Parts of prompts that wait to be played."""


DEFAULT_LIMITS = Limits()
