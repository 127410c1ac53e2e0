"""Where recordings are kept: the service's settings as one object storage, counted as voice-24."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ringback.runtime.objects import ObjectAccess, ObjectStorage
from ringback.services.voicemail.settings import VoicemailSettings

if TYPE_CHECKING:
    from ringback.runtime.context import Context


def open_storage(ctx: Context, settings: VoicemailSettings) -> ObjectStorage:
    """The storage that the settings name. Raises SettingsError when they name none."""
    access = ObjectAccess(
        url=settings.storage_url or (Path(ctx.common.data).absolute() / "voicemail").as_uri(),
        endpoint=settings.storage_endpoint,
        region=settings.storage_region,
        allow_http=settings.storage_allow_http,
        access_key=settings.storage_access_key,
        secret_key=settings.storage_secret_key,
        timeout_s=settings.storage_timeout_s,
    )
    return ObjectStorage(access, lambda: ctx.connections.count("voice-24", sent=1))
