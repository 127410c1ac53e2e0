"""How tests of services begin: a configuration that was read, a service in a process that can be killed."""

import asyncio
import os
import sys

from ringback.domain.configuration import Configuration
from ringback.runtime.service import Service
from ringback.services.tenant.configuration import ConfigurationStore
from ringback.testing.platform import SECRET, ServiceHarness

_RUN = """
import asyncio, sys
from ringback.runtime.service import run_services, service_class
from ringback.runtime.settings import CommonSettings, load_settings
from ringback.services import REGISTRY
asyncio.run(run_services([service_class(REGISTRY[sys.argv[1]])], load_settings(CommonSettings, "common")))
"""


async def configured(service: Service, limit_s: float = 20.0) -> None:
    """Wait until a service knows the configuration of its tenants."""
    async with asyncio.timeout(limit_s):
        while not service.checks()["configuration"]:
            await asyncio.sleep(0.01)


async def import_into(running: ServiceHarness, configuration: Configuration) -> None:
    """Store the tenant's configuration, and wait until config has read it."""
    await running.process.postgres.start()
    await ConfigurationStore(running.context("tenant"), configuration.tenant.id).import_(configuration)
    await configured(running["config"])


async def process_of(
    service: str, host: str, node: str, *, valkey_url: str, postgres_dsn: str, **more: str
) -> asyncio.subprocess.Process:
    """A service as a process that can be killed; `more` of its environment."""
    env = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": os.environ.get("PYTHONPATH", ""),
        "RINGBACK_HOST": host,
        "RINGBACK_NODE": node,
        "RINGBACK_VALKEY_URL": valkey_url,
        "RINGBACK_POSTGRES_DSN": postgres_dsn,
        "RINGBACK_CLUSTER_SECRET": SECRET,
        "RINGBACK_LOG_LEVEL": "error",
        **more,
    }
    return await asyncio.create_subprocess_exec(sys.executable, "-c", _RUN, service, env=env)
