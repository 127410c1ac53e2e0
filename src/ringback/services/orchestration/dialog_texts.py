"""Where the documents of VoiceXML dialogs are while nothing runs them: in the store, by the hash of their text."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from ringback.runtime.valkey import ValkeyError, ValkeyUnavailable

if TYPE_CHECKING:
    from ringback.services.orchestration.dialogs import Dialogs
    from ringback.services.orchestration.store import SessionStore

_AGAIN_S = 0.3


async def read_documents(dialogs: Dialogs, store: SessionStore) -> None:
    """Those of a dialog that was asleep; empty for one that is gone. Raises ValkeyUnavailable, ValkeyError."""
    for name in dialogs.missing:
        dialogs.texts[name] = await store.document(name) or ""


async def keep_documents(dialogs: Dialogs, store: SessionStore) -> None:
    """Those that are new, before the session that names them; waits while the store is away."""
    for name, text in dialogs.unkept():
        while not dialogs.is_kept(name):
            try:
                await store.keep_document(text)
                dialogs.keep(name)
            except (ValkeyUnavailable, ValkeyError):
                await asyncio.sleep(_AGAIN_S)
