"""Lights the lamps of telephones: message-waiting by NOTIFY, asked for or not (RFC 6665, RFC 3842)."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from ringback.contracts.configuration import ConfigClient
from ringback.contracts.sip import HEADER_ORIGIN, HEADER_TARGET, HEADER_TENANT, bindings_key
from ringback.contracts.voicemail import MessageWaiting, mailbox_events
from ringback.domain.configuration import DN, Extension
from ringback.runtime.http import HttpFailure, HttpUnavailable
from ringback.runtime.streams import StreamConsumer, StreamEntry
from ringback.runtime.valkey import ValkeyError, ValkeyUnavailable
from ringback.services.registrar.subscriptions import Kept, SubscriptionStore, name_of
from ringback.sip import DialogError, NameAddr, Request, Response, SipParseError, SipUri
from ringback.sip.dialog import Dialog
from ringback.sip.endpoint import SipEndpoint
from ringback.sip.events import EventError, Input, Subscription, Wanted, read_subscribe
from ringback.sip.exchange import ServerTransaction
from ringback.sip.message_summary import CONTENT_TYPE, PACKAGE, summary
from ringback.sip.transport import Destination

if TYPE_CHECKING:
    from ringback.runtime.context import Context
    from ringback.services.registrar.settings import RegistrarSettings

_GROUP = "registrar"
_AWAY = (ValkeyUnavailable, ValkeyError, HttpUnavailable, HttpFailure)


class Notifier:
    """Answers SUBSCRIBE, follows the mailboxes, sends NOTIFY through sip_proxy."""

    def __init__(self, ctx: Context, settings: RegistrarSettings, endpoint: SipEndpoint) -> None:
        self._ctx = ctx
        self._settings = settings
        self._endpoint = endpoint
        self._config = ConfigClient(ctx, "voice-32")
        self._store = SubscriptionStore(ctx)
        self._proxy = Destination("tcp", *ctx.address("sip_proxy", "inside"))

    def start(self) -> None:
        """Follow what voicemail tells of its mailboxes."""
        streams = [mailbox_events(tenant) for tenant in self._ctx.common.tenants]
        StreamConsumer(self._ctx, streams, _GROUP, self._mailbox_changed, connection="voice-36").start()

    # SUBSCRIBE

    async def subscribe(self, tx: ServerTransaction, request: Request) -> None:
        """Answer a SUBSCRIBE and tell at once how things are (RFC 6665 4.2.1)."""
        try:
            wanted = read_subscribe(request, (PACKAGE,))
            tenant = request.get(HEADER_TENANT) or self._ctx.common.tenants[0]
            handle = self._begin if request.to_tag is None else self._refresh
            await handle(tx, request, tenant, wanted)
        except EventError as refused:
            tx.reply(refused.status, headers=list(refused.headers))
        except (DialogError, SipParseError) as error:
            tx.reply(error.status)
        except _AWAY as error:
            self._ctx.log.warning("subscribe_dependency_away", error=repr(error))
            tx.reply(503, headers=[("Retry-After", "5")])

    async def _begin(self, tx: ServerTransaction, request: Request, tenant: str, wanted: Wanted) -> None:
        dn = (request.get(HEADER_ORIGIN) or "").removeprefix("dn=")
        extension = await self._config.dn(tenant, dn) if dn else None
        if not isinstance(extension, Extension) or request.uri.number not in (dn, extension.mailbox):
            raise EventError(403)
        if not extension.mailbox:
            raise EventError(404)
        mailbox = extension.mailbox
        if (
            wanted.expires_s
            and len(await self._store.all(tenant, mailbox)) >= self._settings.max_subscriptions
        ):
            raise EventError(403)
        dialog = Dialog.from_request(request, tx.to_tag, confirmed=True)
        subscription = Subscription(dialog, PACKAGE.name, wanted.id, self._ctx.now() + wanted.expires_s)
        if wanted.expires_s:
            await self._store.put(tenant, mailbox, name_of(dialog), Kept.of(dn, subscription))
        self._accept(tx, mailbox, wanted)
        step = None if wanted.expires_s else subscription.happens(Input.UNSUBSCRIBED)
        await self._notify(tenant, mailbox, subscription, step.reason if step else "")

    async def _refresh(self, tx: ServerTransaction, request: Request, tenant: str, wanted: Wanted) -> None:
        mailbox, name = request.uri.number, f"{request.to_tag} {request.call_id}"
        kept = await self._store.get(tenant, mailbox, name)
        if kept is None:
            raise EventError(481)
        subscription = kept.subscription()
        subscription.dialog.receive(request)
        step = subscription.refresh(wanted, self._ctx.now())
        reason = step.reason if step else ""
        if reason:
            await self._store.remove(tenant, mailbox, name)
        else:
            await self._store.put(tenant, mailbox, name, Kept.of(kept.dn, subscription))
        self._accept(tx, mailbox, wanted)
        await self._notify(tenant, mailbox, subscription, reason)

    def _accept(self, tx: ServerTransaction, mailbox: str, wanted: Wanted) -> None:
        headers = [("Contact", str(self._contact(mailbox))), ("Expires", str(wanted.expires_s))]
        tx.reply(200, headers=headers)

    def _contact(self, mailbox: str) -> NameAddr:
        return self._endpoint.contact(self._proxy, mailbox)

    # NOTIFY

    async def _notify(self, tenant: str, mailbox: str, subscription: Subscription, reason: str = "") -> None:
        new, old = await self._store.counts(tenant, mailbox) or (0, 0)
        name = name_of(subscription.dialog)
        subscription.dialog.local_cseq = await self._store.next_number(tenant, name) - 1
        body = summary(await self._account(tenant, mailbox), new, old)
        request = subscription.notify(self._ctx.now(), body, CONTENT_TYPE, reason)
        request.add("Contact", self._contact(mailbox))
        self._endpoint.send_request(
            request,
            subscription.dialog.destination,
            on_response=partial(self._answered, tenant, mailbox, subscription),
        )

    def _answered(self, tenant: str, mailbox: str, subscription: Subscription, response: Response) -> None:
        """A phone that does not know its subscription has none any more; sip_proxy away says nothing."""
        if not response.local and subscription.answered(response):
            name = name_of(subscription.dialog)
            self._ctx.spawn(self._forget(tenant, mailbox, name), "unsubscribe")

    async def _forget(self, tenant: str, mailbox: str, name: str) -> None:
        try:
            await self._store.remove(tenant, mailbox, name)
        except _AWAY as error:
            self._ctx.log.warning("subscription_not_removed", error=repr(error))

    async def _account(self, tenant: str, mailbox: str) -> str:
        found = await self._config.tenant(tenant)
        return f"sip:{mailbox}@{found.domain if found is not None else tenant}"

    async def sweep(self, tenant: str) -> None:
        """End the subscriptions whose time is over (RFC 6665 4.2.2)."""
        for mailbox, name in await self._store.ended(tenant, self._ctx.now()):
            kept = await self._store.get(tenant, mailbox, name)
            if await self._store.remove(tenant, mailbox, name) and kept is not None:
                subscription = kept.subscription()
                step = subscription.happens(Input.EXPIRED)
                await self._notify(tenant, mailbox, subscription, step.reason if step else "")

    # News of mailboxes

    async def _mailbox_changed(self, entry: StreamEntry) -> None:
        event = entry.json(MessageWaiting)
        if not await self._store.note(event):
            return
        asked = set()
        for kept in await self._store.all(event.tenant, event.mailbox):
            asked.add(kept.dn)
            await self._notify(event.tenant, event.mailbox, kept.subscription())
        if self._settings.unasked_notify:
            for extension in _phones_of(await self._config.dns(event.tenant), event.mailbox):
                if extension.id not in asked:
                    await self._tell(event.tenant, extension)

    async def registered(self, tenant: str, extension: Extension) -> None:
        """A phone has come: it is told what waits for it, if anything was ever said of its mailbox."""
        if not self._settings.unasked_notify or not extension.mailbox:
            return
        try:
            await self._tell(tenant, extension)
        except _AWAY as error:
            self._ctx.log.warning("lamp_not_lit", dn=extension.id, error=repr(error))

    async def _tell(self, tenant: str, extension: Extension) -> None:
        """Send to every phone of a number what nobody has asked for; who does not want it, refuses it."""
        counts = await self._store.counts(tenant, extension.mailbox)
        if counts is None or not await self._store.is_registered(bindings_key(tenant, extension.id)):
            return
        account = await self._account(tenant, extension.mailbox)
        me = NameAddr(SipUri.parse(account))
        domain = me.uri.host
        request = self._endpoint.new_request(
            "NOTIFY",
            SipUri("sip", extension.id, domain),
            from_=me,
            to=NameAddr(SipUri("sip", extension.id, domain)),
            headers=[
                ("Contact", str(self._contact(extension.mailbox))),
                ("Event", PACKAGE.name),
                ("Subscription-State", "active"),
                (HEADER_TENANT, tenant),
                (HEADER_TARGET, f"dn={extension.id}"),
            ],
        )
        request.set_body(summary(account, *counts), CONTENT_TYPE)
        self._endpoint.send_request(request, self._proxy, on_response=lambda response: None)


def _phones_of(dns: list[DN], mailbox: str) -> list[Extension]:
    return [dn for dn in dns if isinstance(dn, Extension) and dn.mailbox == mailbox]
