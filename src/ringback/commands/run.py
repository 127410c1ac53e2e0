"""`ringback run`: services in this process, until a signal."""

import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import uvloop

from ringback.commands.joining import joined_settings
from ringback.runtime.service import Service, run_services, service_class
from ringback.runtime.settings import SettingsError
from ringback.runtime.supervisor_child import READY_VARIABLE
from ringback.services import REGISTRY


def run(names: Sequence[str], data: Path | None) -> None:
    """Run the named services (or `all`); raises `SettingsError` for a name that is none."""
    kinds = chosen(names)
    common = joined_settings(data)
    uvloop.run(run_services(kinds, common, on_ready=say_ready))


def chosen(names: Sequence[str]) -> list[type[Service]]:
    """The classes of the named services, in the order in which they are to start."""
    wanted = set(REGISTRY) if "all" in names else set(names)
    unknown = sorted(wanted - set(REGISTRY))
    if unknown:
        raise SettingsError(f"there is no service {unknown[0]!r}; there are: all, {', '.join(REGISTRY)}")
    return [service_class(path) for name, path in REGISTRY.items() if name in wanted]


def say_ready() -> None:
    """Tell the supervisor, if there is one, that all services are ready."""
    descriptor = os.environ.pop(READY_VARIABLE, "")
    if descriptor.isdigit():
        with suppress(OSError):
            os.write(int(descriptor), b"1")
            os.close(int(descriptor))
