"""Settings of the registrar."""

from typing import Annotated, Literal

from ringback.runtime.settings import Doc, ServiceSettings


class RegistrarSettings(ServiceSettings, frozen=True, kw_only=True):
    """What the registrar can be told."""

    default_expires_s: Annotated[int, Doc("seconds a binding lives if the phone does not say")] = 3600
    min_expires_s: Annotated[int, Doc("seconds; shorter wishes are answered 423")] = 10
    max_expires_s: Annotated[int, Doc("seconds; longer wishes are cut to this")] = 7200
    max_bindings: Annotated[int, Doc("bindings that one number may have")] = 10
    nonce_s: Annotated[float, Doc("seconds a digest challenge can be answered")] = 300.0
    digest_algorithms: Annotated[
        tuple[Literal["SHA-512-256", "SHA-256", "MD5"], ...],
        Doc("what phones may prove their password with, the strongest first"),
    ] = ("SHA-256", "MD5")
    sweep_s: Annotated[float, Doc("seconds between looks for bindings that ended by themselves")] = 1.0
    max_contacts: Annotated[int, Doc("contacts that one REGISTER may have")] = 10
    max_subscriptions: Annotated[int, Doc("subscriptions that one mailbox may have")] = 20
    unasked_notify: Annotated[
        bool, Doc("tell phones of waiting messages that did not subscribe to it, too (RFC 3842)")
    ] = True
