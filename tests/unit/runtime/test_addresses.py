"""Where a service is, where it listens and what it tells others: environment, TOML, the host of all."""

from pathlib import Path

import pytest

from ringback.runtime import addresses
from ringback.runtime.addresses import Addresses, bracketed
from ringback.runtime.settings import CommonSettings, SettingsError


def made(host: str = "10.0.0.1", toml: Path | None = None, **env: str) -> Addresses:
    if toml is not None:
        env["RINGBACK_CONFIG"] = str(toml)
    return Addresses(CommonSettings(host=host), env)


def test_one_host_serves_for_all_three() -> None:
    known = made()
    assert known.bind("media") == known.connect("media") == known.announce("media") == "10.0.0.1"


def test_a_service_elsewhere_is_connected_to_there_and_one_here_may_listen_elsewhere() -> None:
    known = made(RINGBACK_MEDIA_HOST="10.0.0.2", RINGBACK_MEDIA_BIND="0.0.0.0")
    assert (known.bind("media"), known.connect("media"), known.announce("media")) == (
        "0.0.0.0",
        "10.0.0.2",
        "10.0.0.2",
    )
    assert known.bind("config") == "10.0.0.1"
    assert made(RINGBACK_MEDIA_BIND="10.0.0.3").announce("media") == "10.0.0.3"
    assert made(RINGBACK_MEDIA_ANNOUNCE="sip.example.test").announce("media") == "sip.example.test"


@pytest.mark.parametrize(("host", "own"), [("0.0.0.0", "127.0.0.1"), ("::", "::1")])
def test_every_address_is_never_told_or_connected_to(
    host: str, own: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(addresses, "_OUTSIDE", addresses._LOOPBACK)
    assert made(host).connect("media") == own
    assert made(host).announce("media") == own


def test_where_no_address_is_to_be_told_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(addresses, "_OUTSIDE", {4: "255.255.255.255", 6: "::"})
    with pytest.raises(SettingsError, match=r"RINGBACK_SIP_CLUSTER_ANNOUNCE: 0\.0\.0\.0 cannot be told"):
        made("0.0.0.0").announce("sip_cluster")


def test_ports_and_hosts_come_from_the_file_where_the_environment_is_silent(tmp_path: Path) -> None:
    file = tmp_path / "ringback.toml"
    file.write_text('[sip_proxy]\nedge_port = 5070\nport = 9999\nhost = "10.0.0.7"\n')
    known = made(toml=file, RINGBACK_SIP_PROXY_PORT="9998")
    assert known.port("sip_proxy", "edge") == 5070
    assert known.port("sip_proxy", "http") == 9998
    assert known.connect("sip_proxy") == "10.0.0.7"
    assert known.look_up("sip_proxy", "edge_port") == ("5070", "configuration file")


@pytest.mark.parametrize("text", ["sip", "65536", "-1"])
def test_a_port_that_is_none_is_named(text: str) -> None:
    with pytest.raises(SettingsError, match="RINGBACK_MEDIA_SIP_PORT"):
        made(RINGBACK_MEDIA_SIP_PORT=text).port("media", "sip")


def test_rfc3986_3_2_2_an_ipv6_host_has_brackets_in_a_url() -> None:
    assert bracketed("2001:db8::1") == "[2001:db8::1]"
    assert bracketed("10.0.0.1") == "10.0.0.1"
