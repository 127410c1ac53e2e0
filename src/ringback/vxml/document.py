"""A VoiceXML document, read and checked: elements by number, dialogs by id, grammars compiled."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import urldefrag, urljoin

from ringback.sandbox import DocumentError, Element, parse_xml

from . import srgs
from .builtin import SCHEME, builtin
from .grammar import Grammar, OneOf, of_keys
from .limits import DEFAULT_LIMITS, Limits
from .schema import ANYTHING, HANDLERS, ITEMS, check

NAMESPACE = "http://www.w3.org/2001/vxml"
_NAMESPACES = frozenset({NAMESPACE, srgs.NAMESPACE, "http://www.w3.org/2001/10/synthesis", ""})
DIALOGS = frozenset({"form", "menu"})
VERSIONS = ("2.0", "2.1")
XML = "{http://www.w3.org/XML/1998/namespace}"
_SECONDS = re.compile(r"\+?(\d+(?:\.\d*)?|\.\d+)(ms|s)")


@dataclass(frozen=True, slots=True)
class Node:
    """An element with its place: `number` counts from 0 in document order."""

    number: int
    name: str
    attributes: Mapping[str, str]
    children: tuple[Node | str, ...]
    parent: int
    line: int

    def get(self, name: str, default: str | None = None) -> str | None:
        """The attribute's value, or `default`."""
        return self.attributes.get(name, default)

    def nodes(self) -> Iterator[Node]:
        """The child elements in document order."""
        return (child for child in self.children if isinstance(child, Node))

    def named(self, *names: str) -> Iterator[Node]:
        """The child elements of these names."""
        return (node for node in self.nodes() if node.name in names)

    def text(self) -> str:
        """The character data directly inside."""
        return "".join(child for child in self.children if isinstance(child, str))


class Document:
    """Immutable; may be shared by all dialogs that run it."""

    def __init__(self, text: str, url: str, limits: Limits = DEFAULT_LIMITS) -> None:
        """Raises DocumentError."""
        self.text = text
        self.url = urldefrag(url)[0]
        self.key = key_of(text, self.url)
        self.nodes: list[Node] = []
        self.dialogs: dict[str, int] = {}
        self.grammars: dict[int, Grammar] = {}
        """By the number of `<grammar>`, `<choice>` or `<option>`."""
        self.menu_keys: dict[int, str] = {}
        """By the number of `<choice>` or `<option>`: the keys that the caller is to press."""
        root = parse_xml(text, limits)
        if root.name != "vxml" or root.namespace not in (NAMESPACE, ""):
            raise DocumentError(f"the root element is not <vxml xmlns={NAMESPACE!r}>", root.line)
        if root.get("version") not in VERSIONS:
            raise DocumentError(f"'version' is one of {', '.join(VERSIONS)}", root.line)
        self.base = urljoin(self.url, root.get(f"{XML}base") or "")
        self.lang = root.get(f"{XML}lang") or ""
        application = root.get("application")
        self.application = urldefrag(urljoin(self.base, application))[0] if application else ""
        self._add(root, 0)
        for node in self.nodes:
            _CHECKS.get(node.name, _nothing)(self, node)

    @property
    def root(self) -> Node:
        """The element `<vxml>`."""
        return self.nodes[0]

    def dialog(self, name: str) -> Node | None:
        """A dialog by its id; the first one for an empty name."""
        if not name:
            return next(self.root.named(*DIALOGS), None)
        number = self.dialogs.get(name)
        return None if number is None else self.nodes[number]

    def ancestors(self, node: Node) -> Iterator[Node]:
        """The element itself and those around it, the innermost first."""
        while True:
            yield node
            if node.number == 0:
                return
            node = self.nodes[node.parent]

    def _add(self, element: Element, parent: int) -> Node:
        allowed = check(element)
        number = len(self.nodes)
        node = Node(number, element.name, element.attributes, (), parent, element.line)
        self.nodes.append(node)
        if element.name == "grammar":
            self._add_grammar(number, element)
            return node
        children: list[Node | str] = []
        for child in element.children:
            if isinstance(child, str):
                children.append(child)
            elif allowed != ANYTHING:
                children.append(self._child(element, child, number, allowed))
        node = Node(number, element.name, element.attributes, tuple(children), parent, element.line)
        self.nodes[number] = node
        return node

    def _child(self, element: Element, child: Element, number: int, allowed: frozenset[str]) -> Node:
        if child.namespace not in _NAMESPACES or child.name not in allowed:
            raise DocumentError(f"<{child.name}> does not belong into <{element.name}>", child.line)
        return self._add(child, number)

    def _add_grammar(self, number: int, element: Element) -> None:
        """A grammar for speech is never active here; one of another document is not to be had."""
        src = element.get("src")
        if src is not None and not src.startswith("builtin:"):
            raise DocumentError("a grammar stands in the document or is 'builtin:dtmf/...'", element.line)
        if src is not None:
            if src.startswith(SCHEME):
                self.grammars[number] = builtin(src)
        elif element.get("srcexpr") is None and element.get("mode", "voice") == "dtmf":
            self.grammars[number] = srgs.compile_srgs(element)


def key_of(text: str, url: str) -> str:
    """The name of a document for as long as it does not change."""
    return hashlib.sha256(f"{url}\n{text}".encode("utf-8", "surrogatepass")).hexdigest()[:24]


def seconds(text: str) -> float:
    """A time designation (`5s`, `300ms`; VoiceXML 6.5). Raises DocumentError."""
    match = _SECONDS.fullmatch(text.strip())
    if match is None:
        raise DocumentError(f"{text!r} is not a time like '5s' or '300ms'")
    return float(match[1]) / (1000 if match[2] == "ms" else 1)


def _nothing(_document: Document, _node: Node) -> None:
    """Most elements need no more than their rule."""


def _check_dialog(document: Document, node: Node) -> None:
    name = node.get("id")
    if name is not None:
        if name in document.dialogs:
            raise DocumentError(f"the id {name!r} is given twice", node.line)
        document.dialogs[name] = node.number
    names: set[str] = set()
    for item in node.named(*ITEMS):
        given = item.get("name")
        if given is not None and given in names:
            raise DocumentError(f"the form item {given!r} is there twice", item.line)
        names.add(given or "")
    if node.name == "menu":
        _give_keys(document, node, list(node.named("choice")), automatic=node.get("dtmf") == "true")


def _check_field(document: Document, node: Node) -> None:
    _give_keys(document, node, list(node.named("option")), automatic=False)


def _give_keys(document: Document, owner: Node, choices: list[Node], *, automatic: bool) -> None:
    """The keys of choices and options: as they say, else the first nine have 1 to 9 (2.2)."""
    for number, choice in enumerate(choices, 1):
        given = choice.get("dtmf") or (str(number) if automatic and number <= 9 else "")
        own = [
            document.grammars[each.number]
            for each in choice.named("grammar")
            if each.number in document.grammars
        ]
        if given:
            document.menu_keys[choice.number] = "".join(given.split())
            own.append(of_keys(given))
        if own:
            document.grammars[choice.number] = (
                own[0] if len(own) == 1 else Grammar(OneOf(tuple(g.expr for g in own)))
            )


def _check_times(_document: Document, node: Node) -> None:
    for name in ("timeout", "maxtime", "finalsilence", "connecttimeout", "fetchtimeout", "time"):
        text = node.get(name)
        if text is not None:
            try:
                seconds(text)
            except DocumentError as error:
                raise DocumentError(f"{name}: {error.reason}", node.line) from None


def _check_count(_document: Document, node: Node) -> None:
    count = node.get("count")
    if count is not None and not (count.isdecimal() and int(count) > 0):
        raise DocumentError(f"'count' is a number from 1 on, not {count!r}", node.line)


def _check_prompt(document: Document, node: Node) -> None:
    _check_count(document, node)
    _check_times(document, node)


_CHECKS = {
    "form": _check_dialog,
    "menu": _check_dialog,
    "field": _check_field,
    "prompt": _check_prompt,
    **dict.fromkeys(HANDLERS, _check_count),
    **dict.fromkeys(("record", "transfer", "submit", "goto", "data", "subdialog", "break"), _check_times),
}
