"""A headless Chromium for tests, driven by its DevTools protocol."""

from __future__ import annotations

import asyncio
import base64
import json
import re
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import aiohttp
import pytest

PROGRAM = shutil.which("chromium")
NEEDED = pytest.mark.skipif(PROGRAM is None, reason="chromium is not installed (Debian: chromium)")
_STARTS_S = 30.0


class Tab:
    """One page. What is asked for is awaited by looking again and again, as the page changes by itself."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._number = 0
        self._session: str | None = None
        self.faults: list[str] = []

    async def attach(self) -> None:
        """Open a tab; its scripts' errors come to `faults`."""
        target = await self.command("Target.createTarget", url="about:blank")
        found = await self.command("Target.attachToTarget", targetId=target["targetId"], flatten=True)
        self._session = found["sessionId"]
        for domain in ("Page", "Runtime", "Log"):
            await self.command(f"{domain}.enable")

    async def command(self, method: str, **parameters: Any) -> Any:
        """Ask Chromium for something."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        await self._socket.send_json(message | ({"sessionId": self._session} if self._session else {}))
        while True:
            answer = json.loads((await self._socket.receive(timeout=_STARTS_S)).data)
            if answer.get("method") == "Runtime.exceptionThrown":
                self.faults.append(str(answer["params"]["exceptionDetails"]))
            if answer.get("id") == self._number:
                assert "error" not in answer, answer
                return answer["result"]

    async def go(self, url: str, width: int = 1280, height: int = 860) -> None:
        """Load a page in a window of this size."""
        await self.command(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=False,
        )
        await self.command("Page.navigate", url=url)

    async def run(self, script: str) -> Any:
        """What an expression gives."""
        found = await self.command(
            "Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True
        )
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    async def until(self, script: str, timeout: float = 15.0) -> Any:
        """Wait until an expression is true."""
        async with asyncio.timeout(timeout):
            while not (found := await self.run(script)):
                await asyncio.sleep(0.03)
            return found

    async def press(self, label: str, where: str = "body") -> None:
        """Press the button or link that says this, once it is there."""
        find = f"[...document.querySelectorAll({json.dumps(f'{where} :is(button, a)')})]"
        one = f"{find}.find(b => b.checkVisibility() && b.textContent === {json.dumps(label)})"
        await self.until(f"Boolean({one})")
        await self.run(f"{one}.click()")

    async def fill(self, **fields: str) -> None:
        """Write into fields by their ids, once the last one can be seen."""
        *_, last = fields
        await self.until(f"document.getElementById({last!r})?.checkVisibility()")
        for name, text in fields.items():
            await self.run(f"document.getElementById({name!r}).value = {json.dumps(text)}")

    async def enter(self) -> None:
        """Press the Enter key on what has the focus."""
        key = {"key": "Enter", "code": "Enter", "windowsVirtualKeyCode": 13}
        await self.command("Input.dispatchKeyEvent", type="keyDown", text="\r", **key)
        await self.command("Input.dispatchKeyEvent", type="keyUp", **key)

    async def shows(self, text: str, where: str = "body") -> None:
        """Wait until a text can be read."""
        place = f"document.querySelector({json.dumps(where)})"
        try:
            await self.until(f"{place}?.innerText.includes({json.dumps(text)})")
        except TimeoutError:
            raise AssertionError(f"{text!r} is not in: {await self.run(f'{place}?.innerText')}") from None

    async def picture(self) -> bytes:
        """What is seen, as PNG."""
        found = await self.command("Page.captureScreenshot", format="png")
        return base64.b64decode(found["data"])


@asynccontextmanager
async def chromium(folder: Path) -> AsyncIterator[Tab]:
    """A browser with an empty profile in `folder`, and a tab of it."""
    flags = (
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--hide-scrollbars",
        "--remote-debugging-port=0",
    )
    process = await asyncio.create_subprocess_exec(
        *(str(PROGRAM), *flags, f"--user-data-dir={folder}", "about:blank"),
        env={"TZ": "Europe/Berlin", "LANG": "en_US.UTF-8", "HOME": str(folder), "PATH": "/usr/bin:/bin"},
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with aiohttp.ClientSession() as client, client.ws_connect(await _address(process)) as socket:
            tab = Tab(socket)
            await tab.attach()
            yield tab
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def _address(process: asyncio.subprocess.Process) -> str:
    assert process.stderr is not None
    async with asyncio.timeout(_STARTS_S):
        async for line in process.stderr:
            if found := re.search(rb"ws://\S+", line):
                return found[0].decode()
    raise AssertionError("Chromium has ended")
