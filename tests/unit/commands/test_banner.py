"""What `ringback up` shows."""

import io
import json
import re
import shlex
from pathlib import Path

from rich.console import Console

from ringback import topology
from ringback.commands.banner import Facts, show
from ringback.testing.demo_tenant import DemoSecrets

SECRETS = DemoSecrets(
    sip={"1001": "pass-one", "1002": "pass-two", "2001": "pass-three"},
    users={"supervisor": "pass-user"},
    api_key="the-key",
)


def shown(demo: DemoSecrets | None = SECRETS, host: str = "127.0.0.1") -> str:
    """The banner as text."""
    ports = {(entry.service, entry.name): entry.port for entry in topology.LISTENERS}
    facts = Facts(host, ports, [("Valkey", "127.0.0.1:6379")], Path("var/data"), demo, False, 1.2)
    file = io.StringIO()
    show(Console(width=80, file=file), facts)
    return file.getvalue()


def test_it_names_every_listener_the_status_page_and_the_data() -> None:
    text = shown()
    for entry in topology.LISTENERS:
        said = re.search(
            rf"^ *{entry.service} (?:.*\n {{2,}})?.*\b{entry.port} {entry.name}\b", text, re.MULTILINE
        )
        assert bool(said) is not entry.optional
    assert "Listening on 127.0.0.1:" in text
    assert "http://127.0.0.1:3050/" in text
    assert "var/data" in text


def test_it_gives_the_demo_phones_with_passwords_and_the_number_to_dial() -> None:
    text = shown()
    for dn, password in SECRETS.sip.items():
        assert re.search(rf"{dn} +{password}", text)
    assert "Dial 8000" in text


def test_the_curl_can_be_pasted() -> None:
    text = shown()
    assert not re.search(r"[^\S\n]$", text, re.MULTILINE), "spaces after a backslash end the command there"
    command = text[text.index("curl") : text.index("}'") + 2].replace("\\\n", "")
    words = shlex.split(command)
    assert words[3] == "http://127.0.0.1:3050/engagement/v3/callbacks/create"
    assert "x-api-key: the-key" in words
    assert json.loads(words[-1])["serviceName"] == "CB_Sales"


def test_an_open_host_is_shown_as_one_reaches_it() -> None:
    assert "http://127.0.0.1:3050/" in shown(host="0.0.0.0")


def test_without_the_demo_tenant_nothing_is_promised() -> None:
    assert "curl" not in shown(demo=None)
