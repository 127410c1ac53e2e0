"""Documents of VoiceXML dialogs that nothing runs are in the store, by the hash of their text."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from ringback.runtime.patience import until_stored

if TYPE_CHECKING:
    from ringback.services.orchestration.dialogs import Dialogs
    from ringback.services.orchestration.store import SessionStore


async def read_texts(dialogs: Dialogs, store: SessionStore) -> None:
    """The documents of a dialog that was asleep; empty for one that is gone. Raises as the store does."""
    for name in dialogs.missing:
        dialogs.texts[name] = await store.document(name) or ""


async def store_texts(dialogs: Dialogs, store: SessionStore) -> None:
    """The documents that are new, before the session that names them; waits while the store is away."""
    for name, text in dialogs.unkept():
        await until_stored(partial(store.keep_document, text))
        dialogs.keep(name)
