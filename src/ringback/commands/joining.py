"""How a second command finds the platform that `ringback up` has started.

`up` writes the addresses and secrets that its processes share into `DATA/platform.json` (mode 0600) and
removes it when it ends. Other commands take from there what neither the environment nor the configuration
file says.
"""

import os
from collections.abc import Mapping
from pathlib import Path

import msgspec

from ringback.runtime.settings import CommonSettings, SettingsError, load_settings, read_toml

FILE = "platform.json"
DEFAULT_DATA = "var/data"


def announce(data: Path, shared: Mapping[str, str]) -> None:
    """Write what the platform's processes share: environment names and values."""
    write_private(data / FILE, msgspec.json.format(msgspec.json.encode(dict(shared))))


def withdraw(data: Path) -> None:
    """Say that no platform runs on this data."""
    (data / FILE).unlink(missing_ok=True)


def environment(data: Path | None = None) -> dict[str, str]:
    """The environment, completed by what the platform running on `data` shares.

    `data` defaults to RINGBACK_DATA or var/data. The environment and the configuration file come first.
    """
    folder = data or Path(os.environ.get("RINGBACK_DATA", DEFAULT_DATA))
    said = {f"RINGBACK_{name.upper()}" for name in read_toml().get("common", {})}
    said |= {name.removesuffix("_FILE") for name in os.environ}
    return {key: value for key, value in _shared(folder).items() if key not in said} | dict(os.environ)


def joined_settings(data: Path | None = None, needs: str = "valkey_url") -> CommonSettings:
    """The common settings of the running platform, which are put into the environment as well.

    `needs` is the setting without which the command is pointless. Raises `SettingsError` when no platform
    runs there and that is not given.
    """
    env = environment(data)
    name = f"RINGBACK_{needs.upper()}"
    if name not in env and needs not in read_toml().get("common", {}):
        folder = data or Path(os.environ.get("RINGBACK_DATA", DEFAULT_DATA))
        raise SettingsError(
            f"no platform runs on {folder}: start one with `ringback up`, name its folder with --data, "
            f"or set {name} and the other addresses."
        )
    os.environ.update(env)
    return load_settings(CommonSettings, "common", env)


def _shared(data: Path) -> dict[str, str]:
    path = data / FILE
    try:
        return msgspec.json.decode(path.read_bytes(), type=dict[str, str])
    except FileNotFoundError:
        return {}
    except PermissionError:
        raise SettingsError(f"{path} belongs to another user: run as that user.") from None
    except msgspec.DecodeError:
        raise SettingsError(f"{path} is damaged: stop the platform and start it again.") from None


def write_private(path: Path, content: bytes) -> None:
    """Replace a file in one step; only its owner may read it."""
    fresh = path.with_name(f"{path.name}.new")
    fresh.unlink(missing_ok=True)
    with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)
    fresh.replace(path)
