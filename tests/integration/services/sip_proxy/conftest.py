"""A stage for sip_proxy: config, registrar and proxy are real; nodes, carriers and media are played."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

import msgspec
import pytest
from tests.integration.services.started import configured

from ringback.contracts.configuration import kind_key, version_key
from ringback.contracts.telephony import ClusterNode, SipNode
from ringback.domain.configuration import (
    Configuration,
    Extension,
    Gateway,
    Tenant,
    Trunk,
    digest_hashes,
)
from ringback.runtime.directory import announce, withdraw
from ringback.runtime.valkey import Commands
from ringback.services.sip_proxy.service import SipProxyService
from ringback.sip import NameAddr, Request, Response
from ringback.sip.digest import DigestClient
from ringback.sip.endpoint import SipEndpoint
from ringback.sip.exchange import ServerTransaction
from ringback.sip.message import CSeq
from ringback.sip.transport import Destination
from ringback.testing.phone import Phone
from ringback.testing.platform import ServiceHarness
from ringback.testing.servers import run_host

HOST = run_host(62)
CARRIER_HOST = run_host(50)
DOMAIN = "demo.example"
PASSWORDS = {"1001": "first secret", "1002": "second secret"}
LIMIT = 20.0

Handler = Callable[[ServerTransaction, Request], None]


def extension(dn: str) -> Extension:
    md5, sha256 = digest_hashes(dn, DOMAIN, PASSWORDS[dn])
    return Extension(id=dn, ha1_md5=md5, ha1_sha256=sha256, mailbox="9001" if dn == "1001" else "")


def configuration() -> Configuration:
    gateways = (Gateway(CARRIER_HOST, 5061, "udp"), Gateway(CARRIER_HOST, 5060, "udp"))
    carrier = Trunk(id="carrier", addresses=(f"{CARRIER_HOST}/32",), gateways=gateways[1:], numbers=("+!",))
    two_ways = Trunk(
        id="two-ways", gateways=(Gateway(CARRIER_HOST, 5062, "tcp"), gateways[1]), numbers=("+!",)
    )
    return Configuration(
        tenant=Tenant(id="demo", domain=DOMAIN, emergency=("112",)),
        dns=(*(extension(dn) for dn in PASSWORDS), carrier, two_ways),
    )


async def publish(valkey: Commands, whole: Configuration) -> None:
    """Write a configuration as the tenant service does."""
    for kind, item in whole.objects():
        await valkey.call("HSET", kind_key(whole.tenant.id, kind), item.id, msgspec.json.encode(item))
    await valkey.call("INCR", version_key(whole.tenant.id))


class Part:
    """A played part of the platform or of the world: an endpoint whose behaviour the test sets."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.endpoint = SipEndpoint(self._handle)
        self.behaviour: Handler = answer
        self.address = ("", 0)
        self.got: asyncio.Queue[tuple[ServerTransaction, Request]] = asyncio.Queue()

    def _handle(self, tx: ServerTransaction, request: Request) -> None:
        self.got.put_nowait((tx, request))
        self.behaviour(tx, request)

    async def next(self, method: str = "") -> tuple[ServerTransaction, Request]:
        """The next request (of a method)."""
        async with asyncio.timeout(LIMIT):
            while True:
                tx, request = await self.got.get()
                if method in ("", request.method):
                    return tx, request

    def request(self, method: str, uri: str, sender: str, *headers: tuple[str, str]) -> Request:
        """A request outside a dialog; From and To are whole addresses of record."""
        return self.endpoint.new_request(
            method,
            uri,
            from_=NameAddr.parse(f"<{sender}>"),
            to=NameAddr.parse(f"<{uri}>"),
            headers=[("Contact", f"<sip:{self.name}@{self.address[0]}:{self.address[1]}>"), *headers],
        )


def answer(tx: ServerTransaction, request: Request) -> None:
    """Answer everything with 200."""
    if tx.can_respond:
        contact = tx._endpoint.contact(tx.source, "part")
        tx.reply(200, headers=[("Contact", str(contact))])


@dataclass
class Stage:
    """What a test has."""

    harness: ServiceHarness
    parts: list[Part]

    @property
    def edge(self) -> Destination:
        """Where phones and trunks send to."""
        return Destination("udp", HOST, 5060)

    @property
    def edge_tcp(self) -> Destination:
        """The same over TCP."""
        return Destination("tcp", HOST, 5060)

    @property
    def inside(self) -> Destination:
        """Where nodes send to."""
        return Destination("tcp", HOST, 5080)

    @property
    def proxy(self) -> SipProxyService:
        """The running proxy."""
        proxy = self.harness["sip_proxy"]
        assert isinstance(proxy, SipProxyService)
        return proxy

    async def part(self, name: str, host: str, port: int = 0, *, transport: str = "udp") -> Part:
        """Someone who listens on an address."""
        part = Part(name)
        listen = part.endpoint.listen_udp if transport == "udp" else part.endpoint.listen_tcp
        part.address = await listen(host, port)
        self.parts.append(part)
        return part

    async def node(self, name: str, *, calls: int = 0, port: int | None = None) -> Part:
        """A cluster node in the directory; with `port` one that is announced there but does not listen."""
        part = await self.part(name, HOST, transport="tcp")
        entry = ClusterNode(node=name, http="", sip_host=HOST, sip_port=port or part.address[1], calls=calls)
        await announce(self.harness.process.valkey, "sip_cluster", name, entry, 60)
        await self.look()
        return part

    async def media(self, name: str) -> Part:
        """A media node in the directory."""
        part = await self.part(name, HOST, transport="tcp")
        entry = SipNode(node=name, sip_host=HOST, sip_port=part.address[1])
        await announce(self.harness.process.valkey, "media", name, entry, 60)
        await self.look()
        return part

    async def gone(self, part: Part) -> None:
        """A node dies."""
        await part.endpoint.close()
        await withdraw(self.harness.process.valkey, "sip_cluster", part.name)
        await self.look()

    async def look(self) -> None:
        """Let the proxy read the directory now."""
        await self.proxy._core.directory.refresh()

    def phone(self, dn: str, **settings: object) -> Phone:
        """A scripted phone of the tenant."""
        return Phone(dn, PASSWORDS[dn], proxy=(HOST, 5060), domain=DOMAIN, host=HOST, **settings)  # type: ignore[arg-type]

    async def as_phone(self, part: Part, request: Request, to: Destination | None = None) -> Response:
        """Send a request as a phone does: with credentials once it is challenged."""
        destination = to or self.edge
        first = await part.endpoint.send_request(request, destination).final(LIMIT)
        if first.status not in (401, 407):
            return first
        again = with_credentials(request, first)
        return await part.endpoint.send_request(again, destination).final(LIMIT)


def with_credentials(request: Request, challenge: Response) -> Request:
    """The request again, with the next number and an answer to the challenge."""
    proxy = challenge.status == 407
    user = request.from_.uri.user or ""
    values = challenge.get_all("Proxy-Authenticate" if proxy else "WWW-Authenticate")
    value = DigestClient(user, PASSWORDS.get(user, "x")).answer(values, request.method, request.raw_uri, "c")
    assert value is not None
    again = request.copy()
    again.remove("Via")
    again.set("CSeq", CSeq(request.cseq.number + 1, request.method))
    again.set("Proxy-Authorization" if proxy else "Authorization", value)
    return again


@pytest.fixture
def proxy_settings() -> dict[str, str]:
    """Settings of the proxy; a test class may override this fixture."""
    return {}


@pytest.fixture
def broker() -> str:
    """The Kafka broker; none unless a test class overrides this fixture."""
    return ""


@pytest.fixture
def configurations() -> list[Configuration]:
    """The tenants' configurations; one tenant unless a test overrides this fixture."""
    return [configuration()]


@pytest.fixture
async def stage(
    valkey_url: str, proxy_settings: dict[str, str], broker: str, configurations: list[Configuration]
) -> AsyncIterator[Stage]:
    """Config, registrar and proxy on a private address."""
    env = {
        "RINGBACK_CONFIG_REFRESH_S": "0.05",
        "RINGBACK_REGISTRAR_MIN_EXPIRES_S": "1",
        "RINGBACK_SIP_PROXY_NODE_OPTIONS_S": "0",  # played nodes count what they get
        "RINGBACK_SIP_PROXY_OVERLOAD_DELAY_S": "60",  # the machine may be busy with other things
        **proxy_settings,
    }
    async with ServiceHarness(
        "config",
        "registrar",
        "sip_proxy",
        valkey_url=valkey_url,
        kafka_bootstrap=broker,
        host=HOST,
        env=env,
        node="here",
        tenants=tuple(whole.tenant.id for whole in configurations),
    ) as running:
        for whole in configurations:
            await publish(running.process.valkey, whole)
        await configured(running["config"], LIMIT)
        made = Stage(running, [])
        yield made
        for part in made.parts:
            await part.endpoint.close()
