"""Credentials for services outside: captcha keys, push channels, the statistics account; without secrets."""

from __future__ import annotations

from typing import Any

import msgspec

from ringback.domain.permissions import Action
from ringback.runtime.http import HttpError
from ringback.services.engagement.management.api import Call, Operation, in_path
from ringback.services.engagement.management.desks import Desks
from ringback.services.engagement.outside.credentials import (
    KINDS,
    CaptchaKeys,
    Kind,
    Name,
    PushChannel,
    StatisticsAccount,
)
from ringback.services.engagement.store import Session

_NAME = in_path("name", "name of the key set, channel or account")
_BODIES: dict[Kind, Any] = {"captcha": CaptchaKeys, "push": PushChannel, "statistics": StatisticsAccount}
Shown = dict[str, Any]


class CredentialNamed(msgspec.Struct, frozen=True, kw_only=True):
    """Which one it was."""

    name: str


class CredentialsRoom:
    """Handlers below `/api/v1/credentials`."""

    def __init__(self, desks: Desks) -> None:
        self._credentials = desks.credentials

    def operations(self) -> list[Operation]:
        """What can be done with credentials."""
        return [each for kind in KINDS for each in self._operations_of(kind)]

    def _operations_of(self, kind: Kind) -> list[Operation]:
        manage, title = Action.MANAGE_CREDENTIALS, kind.capitalize()

        async def every(call: Call) -> dict[str, Shown]:
            return await self._credentials.shown(call.tenant, kind)

        async def put(call: Call) -> CredentialNamed:
            return await self._put(call, kind)

        async def delete(call: Call) -> CredentialNamed:
            return await self._delete(call, kind)

        about = "All by name, without their secrets."
        return [
            Operation("GET", f"credentials/{kind}", f"list{title}", about, every, manage, dict[str, Shown]),
            Operation(
                "PUT",
                f"credentials/{kind}/{{name}}",
                f"put{title}",
                "Store one, in place of what had the name.",
                put,
                manage,
                CredentialNamed,
                body=_BODIES[kind],
                parameters=(_NAME,),
                refusals=(400, 404),
            ),
            Operation(
                "DELETE",
                f"credentials/{kind}/{{name}}",
                f"delete{title}",
                "Forget one.",
                delete,
                manage,
                CredentialNamed,
                parameters=(_NAME,),
                refusals=(400, 404),
            ),
        ]

    async def _put(self, call: Call, kind: Kind) -> CredentialNamed:
        name = _name(call)
        before = (await self._credentials.shown(call.tenant, kind)).get(name)

        async def told(session: Session, after: Shown) -> None:
            await call.note(session, f"credential.put.{kind}", name, before, after)

        await self._credentials.put(call.tenant, kind, name, call.request.body, told)
        return CredentialNamed(name=name)

    async def _delete(self, call: Call, kind: Kind) -> CredentialNamed:
        name = _name(call)
        before = (await self._credentials.shown(call.tenant, kind)).get(name)

        async def told(session: Session, _after: Shown) -> None:
            await call.note(session, f"credential.delete.{kind}", name, before, None)

        await self._credentials.delete(call.tenant, kind, name, told)
        return CredentialNamed(name=name)


def _name(call: Call) -> str:
    try:
        return msgspec.convert(call.part("name"), Name)
    except msgspec.ValidationError:
        raise HttpError(400, "invalid-name", "a name has 1 to 64 letters, digits, dots and dashes") from None
