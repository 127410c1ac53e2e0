"""What is asked and answered about call-ins."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

import msgspec
from msgspec import Meta

Name = Annotated[str, Meta(min_length=1, max_length=64, pattern=r"^[\w.-]+$")]
Dialled = Annotated[str, Meta(min_length=1, max_length=64, pattern=r"^[^\x00]+$")]


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """Numbers that customers dial. code_length: digits of the access code, None for no codes.

    expiry_s: seconds for which a request is good. default_country: by which customers' numbers are read.
    wrong_by_caller, wrong_in_all: wrong codes within `lock_s` seconds after which no code of this caller, or
    of anybody, is looked at for as long.
    """

    numbers: Annotated[list[Dialled], Meta(min_length=1, max_length=100)]
    code_length: Annotated[int, Meta(ge=3, le=10)] | None = None
    expiry_s: Annotated[int, Meta(ge=30, le=604_800)] = 600
    default_country: Annotated[str, Meta(pattern="^[A-Z]{2}$")] = "US"
    wrong_by_caller: Annotated[int, Meta(ge=1, le=1000)] = 3
    wrong_in_all: Annotated[int, Meta(ge=1, le=100_000)] = 100
    lock_s: Annotated[int, Meta(ge=10, le=86_400)] = 300


class CallInAsked(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """`POST /engagement/v3/call-in/requests/create`; `phoneNumber` is the older name of `fromPhoneNumber`."""

    group_name: Annotated[str, Meta(min_length=1, max_length=64)]
    from_phone_number: Annotated[str, Meta(max_length=256)] | None = None
    phone_number: Annotated[str, Meta(max_length=256)] | None = None
    user_data: dict[str, Any] | None = None
    callback_service_id: UUID | None = None


class CallInMade(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, rename="camel"):
    """What the customer needs: the number to dial, the code; `expiration_time` in seconds since the epoch."""

    id: UUID
    to_phone_number: str
    group_name: str
    expiration_time: int
    access_code: int | None = None
    from_phone_number: str | None = None
    callback_service_id: UUID | None = None


class MatchAsked(msgspec.Struct, frozen=True, kw_only=True):
    """Who has dialled in: `to` the number dialled, `from_number` the caller's, `code` what was typed.

    `call_id` names the call: asked twice for one call, the same answer is given.
    """

    to: Dialled
    from_number: Annotated[str, Meta(max_length=64)] = ""
    code: Annotated[str, Meta(max_length=16, pattern="^[0-9A-D*#]*$")] = ""
    call_id: Annotated[str, Meta(max_length=128, pattern=r"^[^\x00]*$")] = ""


class CallInView(msgspec.Struct, frozen=True, kw_only=True):
    """One request as operators see it; times in seconds since the epoch."""

    id: UUID
    state: str
    group: str
    from_number: str
    to_number: str
    created_at: float
    expires_at: float
