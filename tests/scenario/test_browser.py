"""sip.js in headless Chromium: a user agent that nobody here wrote, over secure WebSocket (RFC 7118)."""

import asyncio
import functools
import json
import os
import shutil
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from ringback.testing.certificates import make_certificate
from ringback.testing.demo_tenant import CHECK_PHONES, DOMAIN
from ringback.testing.scene import Scene
from ringback.testing.servers import run_host

CHROMIUM, NPM = shutil.which("chromium"), shutil.which("npm")
pytestmark = [
    pytest.mark.timeout(150),
    pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed (Debian: chromium)"),
    pytest.mark.skipif(NPM is None, reason="npm is not installed (Debian: npm)"),
]
FOLDER = Path(__file__).parent / "browser"
HOST = run_host(41)
PAGE_S = 60.0


@pytest.fixture(scope="module")
def platform_settings(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    certificate = make_certificate(tmp_path_factory.mktemp("edge"), HOST, DOMAIN)
    return {
        "RINGBACK_SIP_PROXY_TLS_CERTIFICATE": str(certificate.chain),
        "RINGBACK_SIP_PROXY_TLS_KEY": str(certificate.key),
        "RINGBACK_SIP_PROXY_WEBSOCKET": "true",
    }


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the page and the library that it loads, installed by its lock file."""
    folder = tmp_path_factory.mktemp("page")
    for name in ("package.json", "package-lock.json", ".npmrc", "page.js"):
        shutil.copy(FOLDER / name, folder)
    command = [str(NPM), "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
    made = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=100)
    if made.returncode:
        pytest.skip(f"sip.js cannot be installed here: {made.stderr.strip().splitlines()[-1]}")
    (folder / "sip.js").symlink_to(folder / "node_modules" / "sip.js")
    (folder / "index.html").write_text(
        '<!doctype html><title>phones</title><script type="module" src="page.js"></script>'
    )
    return folder


class Site(ThreadingHTTPServer):
    """Serves the page and its configuration, and keeps what the page says."""

    def __init__(self, folder: Path, config: dict[str, Any], loop: asyncio.AbstractEventLoop) -> None:
        self.config = json.dumps(config).encode()
        self.said: asyncio.Queue[tuple[str, str]] = asyncio.Queue()
        self.loop = loop
        super().__init__((HOST, 0), functools.partial(_Page, directory=str(folder)))

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.server_port}/"


class _Page(SimpleHTTPRequestHandler):
    server: Site

    def do_GET(self) -> None:
        if self.path == "/config":
            self._answer(self.server.config)
        else:
            super().do_GET()

    def do_POST(self) -> None:
        who, what = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.loop.call_soon_threadsafe(self.server.said.put_nowait, (who, what))
        self._answer(b"{}")

    def _answer(self, body: bytes) -> None:
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
async def site(page: Path, scene: Scene) -> AsyncIterator[Site]:
    one, other = ({"user": dn, "secret": scene.world.secrets.sip[dn]} for dn in CHECK_PHONES[:2])
    config = {"server": f"wss://{HOST}:8089", "domain": DOMAIN, "one": one, "other": other}
    site = Site(page, config, asyncio.get_running_loop())
    thread = Thread(target=site.serve_forever)
    thread.start()
    try:
        yield site
    finally:
        await asyncio.to_thread(site.shutdown)
        thread.join()
        site.server_close()


@asynccontextmanager
async def browser(url: str, profile: Path) -> AsyncIterator[None]:
    """A headless Chromium with a microphone that beeps, and with trust in the test's certificate."""
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--ignore-certificate-errors", "--no-first-run"]
    options += ["--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream"]
    options += ["--autoplay-policy=no-user-gesture-required", "--disable-features=WebRtcHideLocalIpsWithMdns"]
    options += [f"--user-data-dir={profile}", url]
    silent = asyncio.subprocess.DEVNULL
    child = await asyncio.create_subprocess_exec(
        str(CHROMIUM), *options, stdout=silent, stderr=silent, env={**os.environ, "HOME": str(profile)}
    )
    try:
        yield
    finally:
        child.kill()
        await child.wait()


async def story(site: Site) -> list[tuple[str, str]]:
    """What the page says until it is done."""
    told = []
    while (last := await site.said.get())[0] != "page":
        told.append(last)
    assert last == ("page", "done"), told
    return told


async def test_two_browsers_register_call_talk_hold_retrieve_and_hang_up(
    scene: Scene, site: Site, tmp_path: Path
) -> None:
    async with browser(site.url, tmp_path / "profile"):
        told = await asyncio.wait_for(story(site), PAGE_S)
    of = {name: [what for who, what in told if who == name] for name in ("one", "other")}
    assert of["one"] == ["registered", "answered", "held", "retrieved", "ended", "unregistered"]
    assert of["other"] == ["registered", "offered", "answered", "ended", "unregistered"]
    assert ("both", "heard") in told
