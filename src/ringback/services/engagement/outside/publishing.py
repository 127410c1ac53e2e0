"""`POST /engagement/v3/notification/publish`: one notification to one device, at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated
from uuid import uuid4

import msgspec
from msgspec import Meta

from ringback.runtime.http import HttpError
from ringback.services.engagement.outside.channels import Channels, UnknownChannel
from ringback.services.engagement.outside.notices import Notice, Refused, TryAgain

if TYPE_CHECKING:
    from ringback.runtime.http import HttpRequest

_EVENT = "NOTIFICATION"


class PublishRequest(msgspec.Struct, frozen=True, kw_only=True):
    """`event` is JSON text: a notification (title, body, image), or `{"notification": …, "data": …}`."""

    channel: Annotated[str, Meta(min_length=1, max_length=64)]
    target: Annotated[str, Meta(min_length=1, max_length=4096)]
    event: Annotated[str, Meta(min_length=1, max_length=4096)]
    validate_only: bool = False


class Shown(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """A notification as FCM shows it."""

    title: str = ""
    body: str = ""
    image: str = ""


class Event(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A notification with data for the application, or one of both."""

    notification: Shown | None = None
    data: dict[str, str] = {}


async def publish(channels: Channels, tenant: str, request: HttpRequest) -> str:
    """Send; returns the push service's name of the message. HttpError 400 or 503."""
    asked = request.decode(PublishRequest)
    event = _read(asked.event)
    shown = msgspec.to_builtins(event.notification) if event.notification else None
    notice = Notice(str(uuid4()), _EVENT, asked.target, event.data, shown)
    try:
        return await channels.send(tenant, asked.channel, notice, validate_only=asked.validate_only)
    except UnknownChannel:
        raise HttpError(400, "push-channel-unknown", "there is no push channel of this name") from None
    except Refused as error:
        raise HttpError(400, "push-refused", f"the push service refuses it: {error}") from None
    except TryAgain as error:
        wait = {"Retry-After": str(int(max(error.wait_s, 5.0)))}
        text = f"the push service cannot take it now: {error}"
        raise HttpError(503, "push-unavailable", text, wait) from None


def _read(text: str) -> Event:
    try:
        parts = msgspec.json.decode(text, type=dict[str, object])
        if parts.keys() & {"notification", "data"}:
            return msgspec.convert(parts, Event)
        return Event(notification=msgspec.convert(parts, Shown))
    except msgspec.MsgspecError:
        form = "event is JSON text: a notification (title, body, image), or notification and data"
        raise HttpError(400, "invalid_body", form) from None
