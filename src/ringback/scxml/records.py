"""What the small records of this package are made of.

The options stand here, in a module that is never compiled: a compiled class takes them from its base only
(docs/decisions/0018).
"""

from msgspec import Struct


class Fixed(Struct, frozen=True, gc=False):
    """What does not change and holds nothing that could lead back to it."""


class Record(Struct, gc=False):
    """What changes while a session runs, and holds nothing that could lead back to it."""
