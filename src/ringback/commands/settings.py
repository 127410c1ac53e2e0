"""`ringback settings`: every setting with its value, default, source and meaning."""

import importlib
from collections.abc import Iterator, Sequence
from pathlib import Path

from rich.console import Group
from rich.padding import Padding
from rich.text import Text

from ringback import topology
from ringback.commands.joining import environment
from ringback.commands.showing import present
from ringback.runtime.addresses import Addresses, port_field, variable
from ringback.runtime.settings import (
    CommonSettings,
    Setting,
    SettingsError,
    describe_settings,
    load_settings,
)
from ringback.services import REGISTRY


def show(groups: Sequence[str], data: Path | None, *, as_json: bool) -> None:
    """Print the settings of the groups (all when none is named); secrets are never printed."""
    unknown = sorted(set(groups) - {"common", *REGISTRY})
    if unknown:
        names = ", ".join(("common", *REGISTRY))
        raise SettingsError(f"there is no group of settings {unknown[0]!r}; there are: {names}")
    env = environment(data)
    found = [
        shown
        for group in groups or ("common", *REGISTRY)
        for setting in group_settings(group, env)
        for shown in [printable(setting)]
    ]
    present(found, listing(found), as_json=as_json)


def group_settings(group: str, env: dict[str, str]) -> Iterator[Setting]:
    """The settings of one group: its own, then its ports."""
    if group == "common":
        yield from describe_settings(CommonSettings, group, env)
        return
    module, _, name = REGISTRY[group].partition(":")
    kind = getattr(importlib.import_module(module), name)
    yield from describe_settings(kind.settings_type, group, env)
    for listener in topology.LISTENERS:
        if listener.service == group:
            yield port_setting(listener, env)


def port_setting(listener: topology.Listener, env: dict[str, str]) -> Setting:
    """The port of one listener."""
    field = port_field(listener)
    value, source = Addresses(load_settings(CommonSettings, "common", env), env).look_up(
        listener.service, field
    )
    doc = f"{listener.protocol} port: {listener.purpose}"
    name = variable(listener.service, field)
    port = value or listener.port
    return Setting(listener.service, field, name, port, listener.port, source or "default", doc, False)


def printable(setting: Setting) -> dict[str, object]:
    """The setting as it may be shown."""
    value, default = setting.value, setting.default
    if setting.secret:
        value = "(set)" if setting.source != "default" else "(not set)"
        default = "(secret)"
    return {
        "name": setting.env,
        "value": value,
        "default": default,
        "source": setting.source,
        "doc": setting.doc,
    }


def listing(found: Sequence[dict[str, object]]) -> Group:
    """The settings for people: name, value and source, and what it means below."""
    return Group(*(part for setting in found for part in entry(setting)))


def entry(setting: dict[str, object]) -> tuple[Text, Padding]:
    """One setting; it stands out when it differs from the default."""
    source = str(setting["source"])
    given = source != "default"
    where = f"  from {source}, default {text(setting['default']) or 'empty'}" if given else "  default"
    head = Text.assemble(
        (str(setting["name"]), "bold cyan" if given else "cyan"),
        f" = {text(setting['value'])}",
        (where, "dim"),
    )
    return head, Padding(Text(str(setting["doc"]), style="dim"), (0, 0, 0, 4))


def text(value: object) -> str:
    """A value as one writes it into the environment."""
    if isinstance(value, tuple):
        return ",".join(map(str, value))
    return str(value)
