"""What sip_proxy, sip_cluster and registrar are measured against: sippy, and Kamailio where there is one."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

from stand import ROOT

PEER_VENV = ROOT / "var" / "bench" / "venv"
SIPPY = PEER_VENV / "bin" / "b2bua_simple"
KAMAILIO = shutil.which("kamailio") or shutil.which("kamailio", path="/usr/sbin") or ""
_MODULES = (
    "/usr/lib/x86_64-linux-gnu/kamailio/modules/:/usr/lib64/kamailio/modules/:/usr/lib/kamailio/modules/"
)
# Stateful, record-routed, one receiving process; REGISTER with digest into its memory.
_CONFIGURATION = """
debug=-1
log_stderror=yes
children=1
disable_tcp=yes
auto_aliases=no
listen=udp:{host}:{port}
mpath="{modules}"
loadmodule "tm.so"
loadmodule "sl.so"
loadmodule "rr.so"
loadmodule "pv.so"
loadmodule "maxfwd.so"
loadmodule "siputils.so"
loadmodule "textops.so"
loadmodule "auth.so"
loadmodule "usrloc.so"
loadmodule "registrar.so"
modparam("usrloc", "db_mode", 0)
modparam("registrar", "max_contacts", 10)
request_route {{
    if (!mf_process_maxfwd_header("10")) {{ sl_send_reply("483", "Too Many Hops"); exit; }}
    if (is_method("REGISTER")) {{
        if (!pv_www_authenticate("{realm}", "{password}", "0")) {{ www_challenge("{realm}", "1"); exit; }}
        save("location");
        exit;
    }}
    if (has_totag()) {{ loose_route(); t_relay(); exit; }}
    record_route();
    $du = "sip:{target}";
    t_relay();
}}
"""


def install_sippy() -> None:
    """Install sippy where only this benchmark sees it."""
    if SIPPY.exists():
        return
    print("Installing sippy for the comparison …")
    subprocess.run([sys.executable, "-m", "venv", str(PEER_VENV)], check=True)
    subprocess.run([str(PEER_VENV / "bin" / "pip"), "install", "--quiet", "sippy"], check=True)


@contextlib.asynccontextmanager
async def running(*command: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """A process that lives as long as the block."""
    env = {**os.environ, "SIPLOG_BEND": "none", "SIPLOG_LVL": "CRIT", "SIPLOG_LOGFILE_FILE": os.devnull}
    out = asyncio.subprocess.DEVNULL
    process = await asyncio.create_subprocess_exec(*command, stdout=out, stderr=out, env=env)
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        try:
            await asyncio.wait_for(process.wait(), 5)
        except TimeoutError:
            process.kill()
            await process.wait()


@contextlib.asynccontextmanager
async def sippy(host: str, port: int, target: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """sippy's back-to-back user agent, which sends every call to `target`; its logging is off."""
    command = (str(SIPPY), "-f", "-l", host, "-p", str(port), "-n", target)
    async with running(*command) as process:
        await asyncio.sleep(2)
        yield process


@contextlib.asynccontextmanager
async def kamailio(
    host: str, port: int, target: str, realm: str, password: str
) -> AsyncIterator[asyncio.subprocess.Process]:
    """Kamailio as a stateful proxy in front of `target`, and as a registrar with one password for all."""
    with tempfile.TemporaryDirectory(prefix="ringback-bench-") as folder:
        given = {"host": host, "port": port, "target": target, "realm": realm, "password": password}
        path = Path(folder) / "kamailio.cfg"
        path.write_text(_CONFIGURATION.format(modules=_MODULES, **given))
        command = (KAMAILIO, "-f", str(path), "-DD", "-E", "-m", "512", "-M", "16", "-Y", folder)
        async with running(*command) as process:
            await asyncio.sleep(2)
            yield process
