import pytest

from ringback.sandbox import DocumentError, Limits, parse_xml, to_xml


def test_a_document_type_is_refused_so_that_entities_cannot_grow() -> None:
    bomb = '<!DOCTYPE a [<!ENTITY x "yy"><!ENTITY z "&x;&x;">]><a>&z;</a>'
    with pytest.raises(DocumentError, match="document type"):
        parse_xml(bomb)


def test_nesting_beyond_the_limit_is_refused_while_reading() -> None:
    assert parse_xml("<a>" * 5 + "</a>" * 5, Limits(document_depth=5)).name == "a"
    with pytest.raises(DocumentError, match="deep"):
        parse_xml("<a>" * 6 + "</a>" * 6, Limits(document_depth=5))


def test_more_elements_than_the_limit_are_refused() -> None:
    with pytest.raises(DocumentError, match="too many"):
        parse_xml(f"<a>{'<b/>' * 10}</a>", Limits(document_elements=10))


def test_more_bytes_than_the_limit_are_refused() -> None:
    with pytest.raises(DocumentError, match="larger"):
        parse_xml(f"<a>{'x' * 100}</a>", Limits(document_bytes=100))


@pytest.mark.parametrize("text", ["", "<a>", "<a></b>", "plain", "<a/><b/>", "\x00", "<a>\ud800</a>"])
def test_what_is_not_well_formed_is_an_error_and_no_traceback(text: str) -> None:
    with pytest.raises(DocumentError):
        parse_xml(text)


def test_the_error_names_the_line() -> None:
    with pytest.raises(DocumentError) as caught:
        parse_xml("<a>\n\n</b>")
    assert caught.value.line == 3


def test_namespaces_and_attributes_survive_writing_and_reading() -> None:
    inner = '<n:b xmlns:n="urn:2" n:k="1&lt;" xml:lang="de" x="&quot;">t&amp;</n:b>'
    text = f'<a xmlns="urn:1">{inner}<c xmlns=""/></a>'
    tree = parse_xml(text)
    assert parse_xml(to_xml(tree)) == tree
    first = next(tree.elements())
    assert (first.namespace, first.get("{urn:2}k"), first.text()) == ("urn:2", "1<", "t&")
