"""A small immutable XML tree, read by expat with everything dangerous switched off.

No document type, so no entities and no external references; size, depth and number of elements are
bounded while reading, not afterwards.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from xml.parsers import expat
from xml.sax.saxutils import escape, quoteattr

from .errors import DocumentError
from .limits import DEFAULT_LIMITS, Limits


@dataclass(frozen=True, slots=True)
class Element:
    """One element. `attributes` are keyed by local name, or `{uri}name` when they have a namespace."""

    namespace: str
    name: str
    attributes: Mapping[str, str]
    children: tuple[Element | str, ...]
    line: int = field(default=0, compare=False)

    def get(self, name: str, default: str | None = None) -> str | None:
        """The attribute's value, or `default`."""
        return self.attributes.get(name, default)

    def elements(self) -> Iterator[Element]:
        """The child elements in document order."""
        return (child for child in self.children if isinstance(child, Element))

    def text(self) -> str:
        """The character data directly inside this element."""
        return "".join(child for child in self.children if isinstance(child, str))


class _Builder:
    """Receives expat's calls and builds the tree."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._stack: list[tuple[str, str, dict[str, str], list[Element | str], int]] = []
        self._count = 0
        self.root: Element | None = None
        parser = expat.ParserCreate("utf-8", namespace_separator=" ")
        parser.buffer_text = True
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._text
        parser.StartDoctypeDeclHandler = self._doctype
        self.parser = parser

    def _doctype(self, *_: object) -> None:
        raise DocumentError("a document type declaration is not allowed", self.parser.CurrentLineNumber)

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        line = self.parser.CurrentLineNumber
        self._count += 1
        if self._count > self._limits.document_elements:
            raise DocumentError("too many elements", line)
        if len(self._stack) >= self._limits.document_depth:
            raise DocumentError("elements are nested too deeply", line)
        namespace, name = _split(tag)
        named = {_attribute_name(key): value for key, value in attributes.items()}
        self._stack.append((namespace, name, named, [], line))

    def _end(self, _tag: str) -> None:
        namespace, name, attributes, children, line = self._stack.pop()
        element = Element(namespace, name, MappingProxyType(attributes), tuple(children), line)
        if self._stack:
            self._stack[-1][3].append(element)
        else:
            self.root = element

    def _text(self, data: str) -> None:
        self._stack[-1][3].append(data)


def _split(tag: str) -> tuple[str, str]:
    namespace, _, name = tag.rpartition(" ")
    return namespace, name


def _attribute_name(key: str) -> str:
    namespace, name = _split(key)
    return f"{{{namespace}}}{name}" if namespace else name


def parse_xml(text: str, limits: Limits = DEFAULT_LIMITS) -> Element:
    """Read `text` as one XML document. Raises DocumentError."""
    data = text.removeprefix("\ufeff").encode("utf-8", "surrogatepass")
    if len(data) > limits.document_bytes:
        raise DocumentError(f"larger than {limits.document_bytes} bytes")
    builder = _Builder(limits)
    try:
        builder.parser.Parse(data, True)
    except expat.ExpatError as error:
        raise DocumentError(expat.ErrorString(error.code), error.lineno) from None
    if builder.root is None:
        raise DocumentError("no element")
    return builder.root


def to_xml(element: Element, outer: str = "") -> str:
    """Write `element` as XML text; `outer` is the default namespace that is already in force."""
    parts = [f"<{element.name}"]
    if element.namespace != outer:
        parts.append(f" xmlns={quoteattr(element.namespace)}")
    for number, (key, value) in enumerate(element.attributes.items()):
        parts.append(_attribute(number, key, value))
    inner = "".join(
        escape(child) if isinstance(child, str) else to_xml(child, element.namespace)
        for child in element.children
    )
    parts.append(f">{inner}</{element.name}>" if inner else "/>")
    return "".join(parts)


def _attribute(number: int, key: str, value: str) -> str:
    if not key.startswith("{"):
        return f" {key}={quoteattr(value)}"
    namespace, _, name = key[1:].partition("}")
    if namespace == "http://www.w3.org/XML/1998/namespace":
        return f" xml:{name}={quoteattr(value)}"
    return f" xmlns:n{number}={quoteattr(namespace)} n{number}:{name}={quoteattr(value)}"
