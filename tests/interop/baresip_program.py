"""Debian's baresip, driven by its commands on standard input."""

import contextlib
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

from .typed import Typed, recorded, typed

PROGRAM = shutil.which("baresip")
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


@contextlib.asynccontextmanager
async def program(account: str, folder: Path) -> AsyncIterator[Typed]:
    """A registered phone of an account, in baresip's own words. Its commands begin with a slash."""
    _furnish(account, folder)
    # It unregisters when it quits.
    async with typed(str(PROGRAM), "-f", str(folder), goodbye="/quit") as child:
        phone = Typed(child)
        await phone.says("registered successfully|200 OK")
        yield phone


def _furnish(account: str, folder: Path) -> None:
    folder.mkdir()
    (folder / "config").write_text(_CONFIG.format(modules=_MODULES, folder=folder))
    (folder / "accounts").write_text(f"{account}\n")
    (folder / "contacts").touch()
    recorded(folder / "says.wav", bytes(2 * 8000 * 30))
