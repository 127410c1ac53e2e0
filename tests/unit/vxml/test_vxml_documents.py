"""From document to document, what is fetched, and what is refused (VoiceXML 2.0 1.5, 5, 6; 2.1 5 to 7)."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.vxml.world import BASE, World, page

from ringback.sandbox import SandboxError
from ringback.vxml import Audio, Fetched, HungUp, Interpreter, Limits, Text

ROOT = page(
    '<var name="visits" expr="0"/><script>function visit() { visits += 1; return visits; }</script>'
    '<link event="root.help"><grammar mode="dtmf"><rule id="h">0</rule></grammar></link>'
    '<catch event="root.help"><exit expr="document.name + application.visits"/></catch>'
    '<property name="timeout" value="7s"/>'
)


def leaf(body: str, name: str = "leaf") -> str:
    return page(f'<var name="name" expr="\'{name}\'"/>{body}', 'application="root.vxml"')


def test_5_1_3_the_root_documents_variables_handlers_links_and_properties_are_in_force() -> None:
    pages = {
        "root.vxml": ROOT,
        "main.vxml": leaf(
            '<form><block><log><value expr="visit()"/></log><goto next="b.vxml"/></block></form>'
        ),
        "b.vxml": leaf(
            '<form><block><log><value expr="visit()"/></log></block><field name="n" type="boolean"/></form>',
            "b",
        ),
    }
    world = World(pages, ["0"])
    assert world.logs == ["1", "2"]
    assert world.collects[0].timeout_s == 7.0
    assert world.exited is not None and world.exited.value == "b2"
    assert [fetch.kind for fetch in world.fetches] == ["document", "root", "document"]


def test_1_5_2_leaving_the_application_forgets_its_variables() -> None:
    other = page('<form><block><exit expr="typeof visits"/></block></form>')
    pages = {
        "root.vxml": ROOT,
        "main.vxml": leaf('<form><block><goto next="o.vxml"/></block></form>'),
        "o.vxml": other,
    }
    world = World(pages)
    assert world.exited is not None and world.exited.value == "undefined"


def test_5_3_7_goto_the_root_document_keeps_its_variables_and_submit_does_not() -> None:
    root = ROOT.replace("</vxml>", '<form id="f"><block><exit expr="visits"/></block></form></vxml>')
    for how, visits in (('<goto next="root.vxml#f"/>', 1), ('<submit next="root.vxml#f"/>', 0)):
        pages = {
            "root.vxml": root,
            "main.vxml": leaf(f'<form><block><assign name="visits" expr="1"/>{how}</block></form>'),
        }
        world = World(pages)
        assert world.exited is not None and world.exited.value == visits


def test_5_3_8_submit_sends_the_variables_of_its_list() -> None:
    form = (
        '<form><var name="v" expr="\'a b\'"/>'
        '<var name="o" expr="({x: true})"/><field name="n" type="boolean"/>'
        '<block><submit next="next.vxml?q=1" namelist="n v o" method="post" fetchtimeout="3s"/>'
        "</block></form>"
    )
    world = World({"main.vxml": page(form)}, ["1"])
    fetch = world.fetches[1]
    assert (fetch.url, fetch.method, fetch.timeout_s) == (f"{BASE}next.vxml?q=1", "POST", 3.0)
    assert fetch.form == {"n": "true", "v": "a b", "o": '{"x": true}'}
    assert world.error == "error.badfetch.http.404"


def test_5_2_6_a_failed_fetch_is_an_event_in_the_document_that_asked() -> None:
    caught = '<catch event="error.badfetch"><exit expr="_event"/></catch>'
    body = caught + '<form><block><goto next="{}"/></block></form>'
    for target, event in (
        ("none.vxml", "error.badfetch.http.404"),
        ("bad.vxml", "error.badfetch"),
        ("main.vxml#no", "error.badfetch"),
    ):
        world = World({"main.vxml": page(body.format(target)), "bad.vxml": "<vxml/>"})
        assert world.exited is not None and world.exited.value == event


def test_the_first_document_that_does_not_come_ends_it() -> None:
    assert World({}).error == "error.badfetch.http.404"
    assert World("<html/>").error == "error.badfetch"


def test_6_1_no_answer_in_time_is_a_bad_fetch() -> None:
    dialog = Interpreter()
    dialog.start("http://host/x", 100.0)
    assert dialog.next_timer() == 110.0
    dialog.handle_timer(109.0)
    assert not dialog.ended
    dialog.handle_timer(110.0)
    assert dialog.ended


def test_2_1_section_7_data_is_json_or_xml() -> None:
    body = (
        '<var name="who" expr="7"/><data name="d" src="d.json" namelist="who"/>'
        "<form><block><data name=\"x\" srcexpr=\"'x' + '.xml'\"/>"
        "<exit expr=\"[d.list[1], x.documentElement.getElementsByTagName('b')[0].getAttribute('c')]\"/>"
        "</block></form>"
    )
    pages = {"main.vxml": page(body), "d.json": '{"list": [1, 2]}', "x.xml": "<a><b c='yes'/></a>"}
    world = World(pages)
    assert world.fetches[1].form == {"who": "7"}
    assert world.exited is not None and world.exited.value == [2, "yes"]
    for bad in ("{", "<a>", '<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>'):
        assert World({**pages, "x.xml": bad}).error == "error.badfetch"


def test_5_3_12_a_script_may_be_elsewhere() -> None:
    body = '<script src="lib.js"/><form><block><exit expr="twice(4)"/></block></form>'
    world = World({"main.vxml": page(body), "lib.js": "function twice(n) { return 2 * n; }"})
    assert world.exited is not None and world.exited.value == 8


def test_5_1_2_scopes_have_names_and_the_session_is_given() -> None:
    body = (
        '<var name="x" expr="\'document\'"/><form><var name="x" expr="\'dialog\'"/><block>'
        '<var name="x" expr="\'here\'"/>'
        '<exit expr="[x, dialog.x, document.x, session.parameters.who]"/></block></form>'
    )
    world = World(page(body), session={"parameters": {"who": "ann"}})
    assert world.exited is not None and world.exited.value == ["here", "dialog", "document", "ann"]


class Few:
    """A voice with one recording and no speech but for numbers."""

    def plays(self, url: str) -> bool:
        return url.endswith("known.wav")

    def says(self, text: Text) -> bool:
        return text.text.isdecimal()


def test_4_1_3_an_audio_that_cannot_be_played_is_replaced_by_its_alternative() -> None:
    body = (
        '<form><block><audio src="known.wav">words</audio>'
        '<audio src="other.wav"><audio src="known.wav"/></audio>'
        '<audio src="other.wav"/><audio expr="undefined">words</audio><value expr="40 + 2"/></block></form>'
    )
    world = World(page(body), voice=Few())
    assert world.said == ["[known.wav]", "[known.wav]", "42"]


def test_words_that_cannot_be_spoken_are_an_event_that_the_application_may_answer() -> None:
    body = '<catch event="error.noresource"><audio src="known.wav"/></catch><form><block>Words</block></form>'
    assert World(page(body), voice=Few()).said == ["[known.wav]"]
    assert World(page("<form><block>Words</block></form>"), voice=Few()).error == "error.noresource.speech"


@pytest.mark.parametrize(
    ("body", "slug"),
    [
        ('<form id="a"><block><goto next="#a"/></block></form>', "steps"),
        ('<form><block><goto next="main.vxml"/></block></form>', "fetches"),
        ("<form><block><script>while (true) {}</script></block></form>", "script_time"),
        (
            "<form><block>"
            "<script>var a = []; while (1) a.push('x'.repeat(99999) + a.length)"
            "</script></block></form>",
            "memory",
        ),
        (
            '<catch event="e"><throw event="e"/></catch><form><block><throw event="e"/></block></form>',
            "steps",
        ),
        ('<form id="s"><subdialog src="#s"/></form>', "subdialogs"),
        (
            "<error>x<reprompt/></error><form>"
            '<transfer destexpr="nobody"><prompt>x</prompt></transfer></form>',
            "plays",
        ),
        (
            '<form><block><foreach item="i" array="new Array(9999).fill(1)"><log/></foreach></block></form>',
            "steps",
        ),
        (
            "<form><block><prompt>"
            '<foreach item="i" array="new Array(9999).fill(1)">x</foreach></prompt></block></form>',
            "prompts",
        ),
    ],
)
def test_a_hostile_document_ends_in_a_clear_error(body: str, slug: str) -> None:
    limits = Limits(script_seconds=0.1, memory_bytes=4 * 1024 * 1024, steps=500)
    assert World(page(body), limits=limits, restores=False).error == f"error.limit.{slug}"


@pytest.mark.parametrize(
    "text",
    [
        '<!DOCTYPE vxml [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]>' + page("<form><block>&b;</block></form>"),
        '<!DOCTYPE vxml SYSTEM "http://elsewhere/x.dtd">' + page("<form/>"),
        page("<form><block>" + "x" * 10_000_000 + "</block></form>"),
        page("<form>" + "<block/>" * 30_000 + "</form>"),
        page("<form><block>" + "<if cond='1'>" * 200 + "</if>" * 200 + "</block></form>"),
        page("<form><block><goto/></block></form>"),
        page('<form><block><goto next="a" expr="b"/></block></form>'),
        page("<form><field><block/></field></form>"),
        page('<form><field name="a"/><field name="a"/></form>'),
        page('<form id="a"/><menu id="a"/>'),
        page("<form><unknown/></form>"),
        page('<form><field><prompt timeout="soon">x</prompt></field></form>'),
        page('<form><field><grammar mode="dtmf" src="http://elsewhere/g.xml"/></field></form>'),
        page('<form><field><grammar mode="dtmf"><rule id="a">one</rule></grammar></field></form>'),
        '<vxml version="1.0"/>',
        "no xml",
        "",
    ],
)
def test_a_document_that_is_none_is_a_bad_fetch(text: str) -> None:
    assert World(text, restores=False).error == "error.badfetch"


def test_an_answer_that_nobody_waits_for_is_ignored() -> None:
    world = World(page('<form><field name="n" type="boolean"/></form>'))
    before = world.dialog.snapshot()
    world.dialog.feed(Fetched(99, 200, "", "x"), 1.0)
    world.dialog.feed(Fetched(world.collects[0].number, 200, "", "x"), 1.0)
    assert not world.dialog.outputs() and world.dialog.snapshot()["wait"] == before["wait"]


def test_a_snapshot_of_another_version_is_refused() -> None:
    with pytest.raises(SandboxError):
        Interpreter.restore({"version": 0})


def test_numbers_are_never_given_twice_also_not_after_a_restore() -> None:
    body = '<form id="f"><field name="n" type="boolean"/><block><submit next="main.vxml"/></block></form>'
    world = World(page(body), ["1", "1", "1"])
    numbers = [each.number for each in (*world.fetches, *world.collects)]
    assert len(numbers) == len(set(numbers)) == 8


SURVEY = page(
    '<var name="total" expr="0"/><var name="again" expr="{n: 0}"/>'
    "<script>function add(n) { total += Number(n); again.n += 1; return total; }</script>"
    '<link event="help"><grammar mode="dtmf"><rule id="r">*</rule></grammar></link>'
    '<help>helped</help><nomatch count="2">wrong<reprompt/></nomatch>'
    '<menu id="m"><prompt>menu</prompt>'
    '<choice dtmf="1" next="#ask">a</choice><choice dtmf="2" event="stop">b</choice>'
    '<catch event="stop"><exit namelist="total again"/></catch></menu>'
    '<form id="ask"><field name="n" type="digits?length=1">'
    '<prompt>first</prompt><prompt count="2">second</prompt></field>'
    '<subdialog name="s" src="#sub"><param name="x" expr="n"/></subdialog>'
    '<filled namelist="s"><log><value expr="add(s.y)"/></log></filled><block><goto next="#m"/></block></form>'
    '<form id="sub"><var name="x"/><field name="c" type="boolean"><prompt>sure</prompt></field>'
    '<block><var name="y" expr="c ? x : 0"/><return namelist="y"/></block></form>'
)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.sampled_from(["1", "2", "*", "", "#", "77"]), max_size=14), st.booleans())
def test_a_dialog_that_is_cut_goes_on_as_an_uncut_one(keys: list[str], leaves: bool) -> None:
    cut, uncut = World(SURVEY, keys), World(SURVEY, keys, restores=False)
    for world in (cut, uncut):
        if leaves:
            world.feed(HungUp())
    assert cut.said == uncut.said and cut.logs == uncut.logs and cut.exited == uncut.exited
    assert (cut.exited is None) == (not cut.dialog.ended)
    json.dumps(cut.dialog.snapshot())


def test_audio_keeps_the_address_that_it_was_given() -> None:
    world = World(page('<form><field name="n" type="boolean"><audio src="prompt:welcome"/></field></form>'))
    assert world.collects[0].parts == (Audio("prompt:welcome"),)
