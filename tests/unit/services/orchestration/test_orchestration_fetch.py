"""How a request to the outside is read from its element."""

from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from ringback.scxml import Action, Interpreter, compile_document
from ringback.services.orchestration.modules import ACTIONS
from ringback.services.orchestration.modules.fetching import content_of

CHART = """<scxml xmlns="http://www.w3.org/2005/07/scxml" version="1.0" datamodel="ecmascript"
  xmlns:session="www.genesyslab.com/modules/session" xmlns:ws="www.genesyslab.com/modules/ws">
  <datamodel><data id="fault"/><data id="who" expr="'J&#246; &amp; Co'"/></datamodel>
  <state id="a"><onentry>{element}</onentry>
    <transition event="error.execution"><assign location="fault" expr="_event.data"/></transition>
  </state></scxml>"""
PARAMS = '<session:param name="who" expr="who"/><session:param name="list" expr="[1, true]"/>'


def asked(element: str) -> tuple[Any, str]:
    """The payload of the action, and the error of an element that is none."""
    session = Interpreter(compile_document(CHART.format(element=element)), "s", actions=ACTIONS)
    session.start(0.0)
    found = [output.payload for output in session.outputs() if isinstance(output, Action)]
    return (found[0] if found else None), str(session.evaluate("fault"))


def test_parameters_of_a_get_are_its_query() -> None:
    found, _ = asked(f'<session:fetch src="http://h/p?a=1#x">{PARAMS}</session:fetch>')
    parts = urlsplit(found["url"])
    assert parse_qs(parts.query) == {"a": ["1"], "who": ["Jö & Co"], "list": ["[1, true]"]}
    assert (parts.fragment, found["method"], found["body"], found["content_type"]) == ("x", "GET", "", "")


@pytest.mark.parametrize(
    ("enctype", "kind", "body"),
    [
        ("", "application/x-www-form-urlencoded", "who=J%C3%B6+%26+Co&list=%5B1%2C+true%5D"),
        ("application/json", "application/json", '{"who": "J\\u00f6 & Co", "list": [1, true]}'),
    ],
)
def test_parameters_of_a_post_are_its_body(enctype: str, kind: str, body: str) -> None:
    found, _ = asked(
        f'<session:fetch method="post" src="http://h/" enctype="{enctype}">{PARAMS}</session:fetch>'
    )
    assert (found["content_type"], found["body"], found["url"]) == (kind, body, "http://h/")


def test_a_form_of_parts_ends_with_its_boundary() -> None:
    found, _ = asked(f'<ws:post src="http://h/" enctype="multipart/form-data">{PARAMS}</ws:post>')
    boundary = found["content_type"].partition("boundary=")[2]
    parts = found["body"].split(f"--{boundary}")
    assert parts[0] == "" and parts[-1] == "--\r\n"
    assert 'name="who"\r\n\r\nJö & Co' in parts[1]


@pytest.mark.parametrize(
    ("attributes", "inside", "kind", "body"),
    [
        ('contentexpr="{a: 1}"', "", "application/json", '{"a": 1}'),
        ('content="plain" type="text/plain"', "", "text/plain", "plain"),
        ("", "<session:content><order id='7' xmlns=''/></session:content>", "application/xml", "order"),
        ("", "<session:content expr=\"'<a/>'\"/>".replace("<a/>", "&lt;a/>"), "", "<a/>"),
    ],
)
def test_content_is_sent_as_what_it_is(attributes: str, inside: str, kind: str, body: str) -> None:
    found, _ = asked(f'<session:fetch method="PUT" src="http://h/" {attributes}>{inside}</session:fetch>')
    assert body in found["body"]
    assert found["content_type"] in (kind, "")


def test_headers_come_from_an_object_and_from_children() -> None:
    header = '<session:header name="Accept" value="text/plain"/>'
    found, _ = asked(f'<session:fetch src="http://h/" headersexpr="{{\'X-A\': 7}}">{header}</session:fetch>')
    assert found["headers"] == {"X-A": "7", "Accept": "text/plain"}


@pytest.mark.parametrize(
    ("element", "fault"),
    [
        ('<session:fetch src="http://h/" headersexpr="{Host: \'x\'}"/>', "header 'Host'"),
        ('<session:fetch src="http://h/" headersexpr="{\'X-Ringback-Cluster\': 1}"/>', "X-Ringback-Cluster"),
        ('<session:fetch src="http://h/" headersexpr="{A: \'b\\r\\nC: d\'}"/>', "not printable"),
        ('<session:fetch src="http://h/" headersexpr="[]"/>', "'headers' is not an object"),
        ('<session:fetch src="http://h/" timeout="0"/>', "not above zero"),
        ('<session:fetch src="http://h/" timeout="soon"/>', "not a number"),
        ("<session:fetch/>", "needs 'src'"),
        (f'<session:fetch src="h" method="post" enctype="text/xml">{PARAMS}</session:fetch>', "use content"),
        (f'<session:fetch src="h" content="x">{PARAMS}</session:fetch>', "both content and parameters"),
    ],
)
def test_a_request_that_is_none_leaves_nothing(element: str, fault: str) -> None:
    found, told = asked(element)
    assert found is None
    assert fault in told


def test_what_comes_back_is_a_value_a_tree_or_text() -> None:
    assert content_of("application/problem+json; charset=utf-8", '{"a": [1]}') == {"a": [1]}
    assert content_of("application/json", "{broken") == "{broken"
    assert content_of("text/xml", "<a/>") == {"$xml": "<a/>"}
    assert content_of("text/html", "<a/>") == "<a/>"
