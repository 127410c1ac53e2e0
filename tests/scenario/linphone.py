"""linphone's phone for the terminal, driven by its commands: what a person types, and what it says."""

import asyncio
import contextlib
import shutil
from collections.abc import AsyncIterator
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.interop.typed import LIMIT_S, Typed, recorded, typed

from ringback.media.tone import sine

PROGRAM = shutil.which("linphonec")
# A plain phone on the same network: no NAT tricks, no encryption; all it sends goes by the platform.
_RC = """[sip]
sip_port=-1
sip_tcp_port=-1
sip_tls_port=-1
use_ipv6=0
default_proxy=0
media_encryption=none
[net]
firewall_policy=0
[proxy_0]
reg_proxy=<sip:{proxy};transport={transport}>
reg_route=<sip:{proxy};transport={transport};lr>
reg_identity=sip:{user}@{domain}
reg_expires=600
reg_sendregister=1
publish=0
[auth_info_0]
username={user}
passwd={password}
domain={domain}
[rtp]
audio_rtp_port=-1
[sound]
echocancellation=0
"""


class Linphone(Typed):
    """A running linphonec; :func:`linphone` makes one."""

    async def registered(self) -> None:
        """Wait until the platform has let it in."""
        async with asyncio.timeout(LIMIT_S):
            while True:
                await self.does("status register")
                if (
                    (await self.says(r"registered, identity=|registered=\S+"))
                    .group()
                    .startswith("registered,")
                ):
                    return
                await asyncio.sleep(0.2)


@dataclass(frozen=True, slots=True)
class Line:
    """Whose phone it is, and by which address it reaches the platform."""

    user: str
    password: str
    domain: str
    proxy: str
    transport: str = "udp"


@contextlib.asynccontextmanager
async def linphone(line: Line, folder: Path, hz: float) -> AsyncIterator[Linphone]:
    """A registered phone without sound card that speaks a tone of `hz`."""
    _furnish(line, folder, hz)
    command = (str(PROGRAM), "-c", str(folder / "rc"))
    # It unregisters when it quits.
    async with typed(*command, goodbye="quit", env={"HOME": str(folder)}) as child:
        phone = Linphone(child)
        await phone.does("soundcard use files")
        await phone.does(f"play {folder / 'says.wav'}")
        await phone.registered()
        yield phone


def _furnish(line: Line, folder: Path, hz: float) -> None:
    (folder / ".local" / "share" / "linphone").mkdir(parents=True)
    (folder / "rc").write_text(_RC.format(**asdict(line)))
    recorded(folder / "says.wav", sine(hz, 30.0))
