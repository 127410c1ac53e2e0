"""What `ringback settings` prints."""

from rich.console import Console

from ringback import topology
from ringback.commands.settings import group_settings, listing, port_setting, printable


def test_secrets_are_never_printed() -> None:
    env = {"RINGBACK_VALKEY_URL": "redis://:hunter2@localhost"}
    shown = [printable(setting) for setting in group_settings("common", env)]
    assert "hunter2" not in str(shown)
    by_name = {str(row["name"]): row for row in shown}
    assert by_name["RINGBACK_VALKEY_URL"]["value"] == "(set)"
    assert by_name["RINGBACK_CLUSTER_SECRET"]["value"] == "(not set)"


def test_every_setting_has_a_meaning_and_a_source() -> None:
    for setting in group_settings("common", {"RINGBACK_HOST": "127.0.0.9"}):
        assert setting.doc
        wanted = "environment RINGBACK_HOST" if setting.field == "host" else "default"
        assert setting.source == wanted


def test_ports_are_settings_too() -> None:
    edge = topology.listener("sip_proxy", "edge")
    assert port_setting(edge, {}).value == 5060
    changed = port_setting(edge, {"RINGBACK_SIP_PROXY_EDGE_PORT": "5999"})
    assert changed.value == "5999"
    assert changed.source == "environment RINGBACK_SIP_PROXY_EDGE_PORT"
    assert port_setting(topology.listener("config"), {}).env == "RINGBACK_CONFIG_PORT"


def test_the_listing_tells_value_source_default_and_meaning() -> None:
    env = {"RINGBACK_HOST": "127.0.0.9"}
    found = [printable(setting) for setting in group_settings("common", env)]
    console = Console(width=100)
    with console.capture() as capture:
        console.print(listing(found))
    text = capture.get()
    assert "RINGBACK_HOST = 127.0.0.9  from environment RINGBACK_HOST, default 127.0.0.1\n" in text
    assert "RINGBACK_LOG_LEVEL = info  default\n    debug, info, warning or error" in text
