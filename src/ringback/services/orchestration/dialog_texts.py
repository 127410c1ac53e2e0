"""VoiceXML dialogs whose documents are in the store while nothing runs them, by the hash of their text."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from ringback.runtime.patience import until_stored
from ringback.services.orchestration.dialogs import Dialogs

if TYPE_CHECKING:
    from ringback.services.orchestration.store import SessionStore


class StoredDialogs(Dialogs):
    """The dialog of a session that lives in the store."""

    async def read(self, store: SessionStore) -> None:
        """The documents of a dialog that was asleep; empty for one that is gone. Raises as the store does."""
        for name in self.missing:
            self.texts[name] = await store.document(name) or ""

    async def store(self, store: SessionStore) -> None:
        """The documents that are new, before the session that names them; waits while the store is away."""
        for name, text in self.unkept():
            await until_stored(partial(store.keep_document, text))
            self.keep(name)
