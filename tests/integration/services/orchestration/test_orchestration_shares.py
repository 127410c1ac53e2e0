"""Blue and green: a part of the sessions runs another version, and an interaction stays on its side."""

from typing import Any

from ringback.contracts.applications import shared

PATH = "/apps/demo/broken.scxml"


def application(name: str) -> bytes:
    return f"""<scxml xmlns="http://www.w3.org/2005/07/scxml" version="1.0" datamodel="ecmascript"
      xmlns:ixn="www.genesyslab.com/modules/interaction">
      <state><onentry><ixn:attach dataexpr="{{side: '{name}'}}"/></onentry>
        <transition event="interaction.attach.done" target="over"/></state>
      <final id="over"/></scxml>""".encode()


async def test_half_of_the_interactions_run_the_draft(stage: Any) -> None:
    await stage.designer.request("PUT", "/apps/demo/broken.scxml", application("blue"))
    await stage.designer.request("PUT", "/apps/demo/broken/draft", application("green"))
    await stage.designer.request("PUT", "/apps/demo/broken/share", {"percent": 50})
    sides = {}
    for number in range(8):
        name = f"U{number}"
        await stage.calls.tell(
            "EventRouteRequest", this_dn="8001", conn_id=f"00000000000000B{number}", call_uuid=name
        )
        while (found := await stage.calls.next()).conn_id != f"00000000000000B{number}" or not getattr(
            found, "user_data", None
        ):
            continue
        sides[name] = found.user_data["side"]
    assert set(sides.values()) == {"blue", "green"}
    assert sides == {name: "green" if shared(PATH, name, 50) else "blue" for name in sides}
    draft = sum(side == "green" for side in sides.values())
    told = (await stage.data.request("GET", "/metrics")).body.decode()
    wanted = 'orsnode_shared_sessions{application="broken",state="started",version="draft"}'
    assert f"{wanted} {draft:.1f}" in told


def test_the_share_is_about_what_was_asked_for() -> None:
    sides = [shared("a", f"interaction-{number}", 10) for number in range(5000)]
    assert 400 < sum(sides) < 600
    assert not any(shared("a", f"interaction-{number}", 0) for number in range(100))
