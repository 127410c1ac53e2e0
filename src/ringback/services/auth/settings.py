"""Settings of the auth service."""

from typing import Annotated

from ringback.runtime.settings import Doc, ServiceSettings


class AuthSettings(ServiceSettings, frozen=True, kw_only=True):
    """What the auth service can be told."""

    issuer: Annotated[str, Doc("name that stands in the tokens as their issuer")] = "ringback"
    token_s: Annotated[int, Doc("seconds for which a token of the password grant is good")] = 3600
    failures: Annotated[int, Doc("wrong passwords in a row after which a user name has to wait")] = 5
    wait_s: Annotated[float, Doc("seconds that a user name has to wait after too many wrong passwords")] = (
        60.0
    )
