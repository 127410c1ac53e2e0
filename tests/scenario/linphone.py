"""linphone's phone for the terminal, driven by its commands: what a person types, and what it says."""

import asyncio
import contextlib
import re
import shutil
import wave
from collections.abc import AsyncIterator
from dataclasses import asdict, dataclass
from pathlib import Path

from ringback.media.tone import sine

PROGRAM = shutil.which("linphonec")
LIMIT_S = 15.0
_RATE = 8000
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


class Linphone:
    """A running linphonec; :func:`linphone` makes one."""

    def __init__(self, child: asyncio.subprocess.Process) -> None:
        self._child = child
        self.heard = ""  # everything it has said; `says` reads on from where it stopped
        self._read = 0

    async def does(self, command: str) -> None:
        """Type a command."""
        assert self._child.stdin is not None
        self._child.stdin.write(f"{command}\n".encode())
        await self._child.stdin.drain()

    async def says(self, pattern: str, limit_s: float = LIMIT_S) -> re.Match[str]:
        """Wait for words, beginning after those that the last wait found."""
        try:
            async with asyncio.timeout(limit_s):
                return await self._says(re.compile(pattern))
        except TimeoutError:
            raise AssertionError(f"no {pattern!r} in {self.heard[self._read :][-500:]!r}") from None

    async def _says(self, pattern: re.Pattern[str]) -> re.Match[str]:
        while not (found := pattern.search(self.heard, self._read)):
            assert self._child.stdout is not None
            more = await self._child.stdout.read(4096)
            assert more, f"linphone has ended: {self.heard[-500:]}"
            self.heard += more.decode(errors="replace")
        self._read = found.end()
        return found

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
    pipe, silent = asyncio.subprocess.PIPE, asyncio.subprocess.DEVNULL
    child = await asyncio.create_subprocess_exec(
        str(PROGRAM), "-c", str(folder / "rc"), stdin=pipe, stdout=pipe, stderr=silent,
        env={"HOME": str(folder)},
    )  # fmt: skip
    phone = Linphone(child)
    try:
        await phone.does("soundcard use files")
        await phone.does(f"play {folder / 'says.wav'}")
        await phone.registered()
        yield phone
        await phone.does("quit")  # which unregisters
        await asyncio.wait_for(child.wait(), LIMIT_S)
    finally:
        with contextlib.suppress(ProcessLookupError):
            child.kill()
        await child.wait()


def _furnish(line: Line, folder: Path, hz: float) -> None:
    (folder / ".local" / "share" / "linphone").mkdir(parents=True)
    (folder / "rc").write_text(_RC.format(**asdict(line)))
    with wave.open(str(folder / "says.wav"), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(_RATE)
        file.writeframes(sine(hz, 30.0))
