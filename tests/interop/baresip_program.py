"""Debian's baresip, driven by its commands on standard input: what a person types, and what it says."""

import asyncio
import contextlib
import re
import shutil
import wave
from collections.abc import AsyncIterator
from pathlib import Path

PROGRAM = shutil.which("baresip")
LIMIT_S = 12.0
_RATE = 8000
_MODULES = next(iter(Path("/usr/lib").glob("**/baresip/modules")), Path("/usr/lib/baresip/modules"))
# Files instead of microphone and loudspeaker.
_CONFIG = """poll_method epoll
module_path {modules}
net_interface 127.0.0.1
module stdio.so
module g711.so
module aufile.so
module_app account.so
module_app menu.so
audio_source aufile,{folder}/says.wav
audio_player aufile,{folder}/heard.wav
audio_alert aufile,{folder}/alert.wav
"""


class Program:
    """A running baresip; :func:`program` makes one."""

    def __init__(self, child: asyncio.subprocess.Process) -> None:
        self._child = child
        self._heard = ""
        self._read = 0  # `says` reads on from where it stopped

    async def does(self, command: str) -> None:
        """Type a command."""
        assert self._child.stdin is not None
        self._child.stdin.write(f"/{command}\n".encode())
        await self._child.stdin.drain()

    async def says(self, pattern: str) -> None:
        """Wait for words, beginning after those that the last wait found."""
        try:
            async with asyncio.timeout(LIMIT_S):
                await self._says(re.compile(pattern))
        except TimeoutError:
            raise AssertionError(f"no {pattern!r} in {self._heard[self._read :][-800:]!r}") from None

    async def _says(self, pattern: re.Pattern[str]) -> None:
        while not (found := pattern.search(self._heard, self._read)):
            assert self._child.stdout is not None
            more = await self._child.stdout.read(4096)
            assert more, f"baresip has ended: {self._heard[-800:]}"
            self._heard += more.decode(errors="replace")
        self._read = found.end()


@contextlib.asynccontextmanager
async def program(account: str, folder: Path) -> AsyncIterator[Program]:
    """A registered phone of an account, in baresip's own words."""
    _furnish(account, folder)
    pipe, both = asyncio.subprocess.PIPE, asyncio.subprocess.STDOUT
    child = await asyncio.create_subprocess_exec(
        *(str(PROGRAM), "-f", str(folder)), stdin=pipe, stdout=pipe, stderr=both, cwd=folder
    )
    phone = Program(child)
    try:
        await phone.says("registered successfully|200 OK")
        yield phone
        await phone.does("quit")  # which unregisters
        await asyncio.wait_for(child.wait(), LIMIT_S)
    finally:
        with contextlib.suppress(ProcessLookupError):
            child.kill()
        await child.wait()


def _furnish(account: str, folder: Path) -> None:
    folder.mkdir()
    (folder / "config").write_text(_CONFIG.format(modules=_MODULES, folder=folder))
    (folder / "accounts").write_text(f"{account}\n")
    (folder / "contacts").touch()
    with wave.open(str(folder / "says.wav"), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(_RATE)
        file.writeframes(bytes(2 * _RATE * 30))
