import pytest

from ringback.scxml import DocumentError, compile_document, external_sources

OPEN = '<scxml xmlns="http://www.w3.org/2005/07/scxml" version="1.0" datamodel="ecmascript">'


def scxml(body: str) -> str:
    return f"{OPEN}{body}</scxml>"


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("", "needs a state"),
        ('<state id="a"/><state id="a"/>', "two states"),
        ('<state id="a"><transition target="b"/></state>', "no state has the id 'b'"),
        ('<state id="a" initial="b"><state id="c"/></state><state id="b"/>', "not inside"),
        ('<state id="a"><history id="h"/><state id="c"/></state>', "history"),
        (
            '<state id="a"><history id="h"><transition target="h"/></history><state id="c"/></state>',
            "not inside its parent",
        ),
        (
            '<state id="a" initial="h"><history id="h"><transition target="a"/></history>'
            '<state id="c"/></state>',
            "not inside its parent",
        ),
        (
            '<state id="a"><history id="h"><transition target="g"/></history>'
            '<history id="g"><transition target="h"/></history><state id="c"/></state>',
            "not inside its parent",
        ),
        ('<state id="a"><onentry><raise/></onentry></state>', "needs 'event'"),
        ('<state id="a"><onentry><state/></onentry></state>', "not executable"),
        ('<state id="a"><onentry><send target="x" targetexpr="y"/></onentry></state>', "both"),
        ('<state id="a"><onentry><if cond="1"><else/><else/></if></onentry></state>', "after <else>"),
        ('<script src="gone.js"/><state id="a"/>', "could not be had"),
    ],
)
def test_a_faulty_document_is_refused_with_its_reason(body: str, reason: str) -> None:
    with pytest.raises(DocumentError, match=reason):
        compile_document(scxml(body))


def test_a_document_of_another_kind_is_refused() -> None:
    with pytest.raises(DocumentError, match="not <scxml>"):
        compile_document("<html/>")


def test_states_are_numbered_in_document_order_and_know_their_descendants() -> None:
    text = scxml('<state id="a"><state id="b"/><state id="c"/></state><final id="d"/>')
    document = compile_document(text)
    a, d = document.states[document.by_id["a"]], document.states[document.by_id["d"]]
    assert [document.by_id[name] for name in "abcd"] == [1, 2, 3, 4]
    assert a.contains(2) and a.contains(3) and not a.contains(4) and not a.contains(1)
    assert d.kind == "final" and a.kind == "compound"


def test_external_sources_are_named_once_and_in_order() -> None:
    text = scxml('<datamodel><data id="x" src="b"/></datamodel><script src="a"/><state id="s"><datamodel>'
                 '<data id="y" src="b"/></datamodel></state>')  # fmt: skip
    assert external_sources(text) == ("b", "a")


def test_event_descriptors_match_by_whole_tokens() -> None:
    """SCXML 3.12.1."""
    document = compile_document(
        scxml('<state id="a"><transition event="foo error.* bar." target="a"/></state>')
    )
    transition = document.states[1].transitions[0]
    meant = ["foo", "foo.x", "error", "error.a.b", "bar.z"]
    assert all(transition.matches(name) for name in meant)
    assert not any(transition.matches(name) for name in ["foox", "errors", "ba", ""])
