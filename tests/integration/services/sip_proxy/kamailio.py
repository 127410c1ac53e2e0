"""Starting a Kamailio of a configuration that lies beside this file."""

import asyncio
import contextlib
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

PROGRAM = shutil.which("kamailio") or shutil.which("kamailio", path="/usr/sbin:/usr/local/sbin")
MODULES = sorted(Path("/usr").glob("lib*/**/kamailio/modules"))
IS_THERE = PROGRAM is not None and bool(MODULES)
_ENDS_S = 20.0


@contextlib.asynccontextmanager
async def kamailio_of(name: str, folder: Path, **words: str) -> AsyncIterator[None]:
    """A running Kamailio; the `words` of its configuration are replaced by what they are here."""
    text = (Path(__file__).parent / name).read_text(encoding="utf-8")
    for word, value in (("MODULES", str(MODULES[0])), *words.items()):
        text = text.replace(word, value)
    config = folder / name
    config.write_text(text)
    places = ["-f", str(config), "-Y", str(folder), "-w", str(folder)]
    with (folder / "log").open("wb") as log:
        child = await asyncio.create_subprocess_exec(
            str(PROGRAM), "-DD", "-E", *places, "-m", "32", "-M", "4", stdout=log, stderr=log
        )
        yield
        child.terminate()
        await asyncio.wait_for(child.wait(), _ENDS_S)
