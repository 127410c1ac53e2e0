"""WebRTC gateways are asked again and again, whatever a question came to."""

from types import SimpleNamespace
from typing import Any

import pytest

from ringback.services.sip_proxy import webrtc
from ringback.services.sip_proxy.webrtc import Gateway, WebGateways


async def test_a_question_that_failed_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    async def no_socket(*_: object) -> None:
        raise RuntimeError("closed")

    monkeypatch.setattr(webrtc, "ask", no_socket)
    settings = SimpleNamespace(webrtc_gateways=("192.0.2.1",), webrtc_options_s=2.0)
    directory = SimpleNamespace(webrtc={})
    core: Any = SimpleNamespace(
        ctx=None,
        settings=settings,
        directory=directory,
        endpoints={"inside": None},
        count=lambda *_, **__: None,
    )
    gateways = WebGateways(core)
    gateways.refresh()
    gateway: Gateway = next(iter(gateways._known.values()))
    gateway.busy = True
    with pytest.raises(RuntimeError):
        await gateways._ask(gateway)
    assert not gateway.busy
