"""Typed settings, read once: defaults, then a TOML file, then the environment.

A setting's environment name is `RINGBACK_` + group + field in capitals; the TOML file (named by
`RINGBACK_CONFIG`) has one table per group (`[common]`, `[engagement]`, …). Secrets come from the
environment or from a file named by `<NAME>_FILE`, never from a default.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, TypeVar, get_args, get_origin, get_type_hints

import msgspec


@dataclass(frozen=True, slots=True)
class Doc:
    """What a setting means, with its unit; `secret` values are never printed."""

    text: str
    secret: bool = False


class SettingsError(Exception):
    """A setting that cannot be read; the message says which one and what it should be."""


class ServiceSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Base of every group of settings."""


class CommonSettings(ServiceSettings, frozen=True, kw_only=True):
    """What every process of the platform shares."""

    host: Annotated[str, Doc("address that every listener binds and every client connects to")] = "127.0.0.1"
    data: Annotated[str, Doc("folder for everything that is kept")] = "var/data"
    node: Annotated[str, Doc("name of this process; empty: made from host name and process id")] = ""
    tenants: Annotated[tuple[str, ...], Doc("tenants that this platform serves, comma separated")] = ("demo",)
    valkey_url: Annotated[str, Doc("Valkey or Redis 6.2+, redis://[:password@]host:port", True)] = (
        "redis://127.0.0.1:6379"
    )
    postgres_dsn: Annotated[str, Doc("PostgreSQL 14+, postgresql://user@host:port/database", True)] = (
        "postgresql://ringback@127.0.0.1:5432/ringback"
    )
    kafka_bootstrap: Annotated[str, Doc("Kafka brokers, host:port,…; empty: no reporting")] = ""
    cluster_secret: Annotated[str, Doc("shared secret of the services' own requests", True)] = ""
    log_level: Annotated[str, Doc("debug, info, warning or error")] = "info"
    drain_s: Annotated[float, Doc("seconds a stopping process waits for its calls to end")] = 30.0
    bind: Annotated[str, Doc("address that every listener binds, where that is not the host")] = ""
    announce: Annotated[str, Doc("address that this process tells others; empty: the one that it binds")] = ""
    http_connections: Annotated[int, Doc("connections that an HTTP listener keeps at a time")] = 4000
    http_connections_of_one: Annotated[int, Doc("how many of them may come from one other address")] = 500
    http_proxies: Annotated[
        tuple[str, ...], Doc("addresses of balancers and proxies, which may have any number of them")
    ] = ()
    kafka_backlog_bytes: Annotated[
        int, Doc("memory of Valkey that reports may take while Kafka is away; then the oldest go")
    ] = 512 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting as `ringback settings` shows it."""

    group: str
    field: str
    env: str
    value: object
    default: object
    source: str
    doc: str
    secret: bool


S = TypeVar("S", bound=ServiceSettings)


def read_toml(env: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Return the TOML file named by RINGBACK_CONFIG as a dict of groups, or an empty one."""
    path = (os.environ if env is None else env).get("RINGBACK_CONFIG")
    if not path:
        return {}
    try:
        return tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(f"RINGBACK_CONFIG: cannot read {path}: {error.strerror}") from error
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"RINGBACK_CONFIG: {path} is not TOML: {error}") from error


def load_settings(kind: type[S], group: str, env: Mapping[str, str] | None = None) -> S:
    """Return the settings of `group`; SettingsError names the setting that is wrong."""
    return kind(**{setting.field: setting.value for setting in describe_settings(kind, group, env)})


def describe_settings(
    kind: type[ServiceSettings], group: str, env: Mapping[str, str] | None = None
) -> list[Setting]:
    """Return every setting of `group` with its value and where that came from."""
    environment = os.environ if env is None else env
    table = read_toml(environment).get(group, {})
    hints = get_type_hints(kind, include_extras=True)
    return [
        _describe(group, field, hints[field.name], table, environment)
        for field in msgspec.structs.fields(kind)
    ]


def _describe(
    group: str, field: msgspec.structs.FieldInfo, hint: Any, table: Mapping[str, Any], env: Mapping[str, str]
) -> Setting:
    doc = next((arg for arg in get_args(hint)[1:] if isinstance(arg, Doc)), Doc(""))
    target = get_args(hint)[0] if get_origin(hint) is Annotated else hint
    prefix = "RINGBACK_" if group == "common" else f"RINGBACK_{group.upper()}_"
    name = prefix + field.name.upper()
    default = _default(field)
    raw, source = _raw(name, field.name, table, env)
    value = default if source == "default" else _convert(raw, target, name)
    return Setting(group, field.name, name, value, default, source, doc.text, doc.secret)


def _default(field: msgspec.structs.FieldInfo) -> Any:
    if field.default_factory is not msgspec.NODEFAULT:
        return field.default_factory()
    return field.default


def _raw(name: str, field: str, table: Mapping[str, Any], env: Mapping[str, str]) -> tuple[Any, str]:
    if name in env:
        return env[name], f"environment {name}"
    if f"{name}_FILE" in env:
        path = Path(env[f"{name}_FILE"])
        try:
            return path.read_text(encoding="utf-8").strip(), f"file {path}"
        except OSError as error:
            raise SettingsError(f"{name}_FILE: cannot read {path}: {error.strerror}") from error
    if field in table:
        return table[field], "configuration file"
    return None, "default"


def _convert(raw: Any, target: Any, name: str) -> Any:
    if isinstance(raw, str) and get_origin(target) is tuple:
        raw = [part.strip() for part in raw.split(",") if part.strip()]
    try:
        return msgspec.convert(raw, target, strict=False)
    except msgspec.ValidationError as error:
        raise SettingsError(f"{name}: {error}") from error
