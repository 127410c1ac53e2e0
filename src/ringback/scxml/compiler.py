"""From SCXML text to the immutable model (SCXML 3 and 6.4)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from ringback.sandbox import Element, parse_xml, to_xml

from .content import (
    SCXML_NAMESPACE,
    compile_block,
    compile_payload,
    flag,
    inline_content,
    required,
    scxml_children,
    value_of,
)
from .errors import DocumentError
from .limits import DEFAULT_LIMITS, Limits
from .model import Content, Data, Document, Invoke, Kind, Script, State, Transition

_STATES = ("state", "parallel", "final", "history")


def external_sources(text: str, limits: Limits = DEFAULT_LIMITS) -> tuple[str, ...]:
    """The addresses of `<data src>` and `<script src>`, which must be fetched before compiling."""
    found: list[str] = []
    _collect_sources(parse_xml(text, limits), found)
    return tuple(dict.fromkeys(found))


def _collect_sources(element: Element, found: list[str]) -> None:
    if element.name in ("data", "script") and element.namespace == SCXML_NAMESPACE:
        source = element.get("src")
        if source:
            found.append(source)
    for child in element.elements():
        _collect_sources(child, found)


def compile_document(
    text: str, resources: Mapping[str, str] | None = None, limits: Limits = DEFAULT_LIMITS
) -> Document:
    """Compile one document; `resources` holds the text of its `external_sources`.

    Raises DocumentError.
    """
    return _Compiler(text, resources or {}, limits).compile(parse_xml(text, limits))


@dataclass(slots=True)
class _Draft:
    """A state while its document is being read."""

    element: Element
    index: int
    id: str
    kind: Kind
    parent: int
    children: list[int] = field(default_factory=list)
    histories: list[int] = field(default_factory=list)
    last: int = 0


class _Compiler:
    def __init__(self, text: str, resources: Mapping[str, str], limits: Limits) -> None:
        self._text = text
        self._resources = resources
        self._limits = limits
        self._drafts: list[_Draft] = []
        self._by_id: dict[str, int] = {}

    def compile(self, root: Element) -> Document:
        if root.name != "scxml" or root.namespace != SCXML_NAMESPACE:
            raise DocumentError("the document element is not <scxml>", root.line)
        if root.get("version", "1.0") != "1.0":
            raise DocumentError("only version 1.0 is known", root.line)
        self._number(root, 0)
        if not self._drafts[0].children:
            raise DocumentError("a document needs a state", root.line)
        return Document(
            source=self._text,
            resources=MappingProxyType(dict(self._resources)),
            name=root.get("name") or "",
            datamodel=root.get("datamodel") or "null",
            late_binding=root.get("binding") == "late",
            states=tuple(self._state(draft) for draft in self._drafts),
            by_id=MappingProxyType(self._by_id),
            scripts=tuple(self._script(child) for child in scxml_children(root) if child.name == "script"),
            paths=tuple(map(self._path, range(len(self._drafts)))),
            known={},
        )

    def _number(self, element: Element, parent: int) -> int:
        """Give `element` and the states in it their numbers, in document order."""
        index = len(self._drafts)
        identity = element.get("id") or f"$state{index}"
        if identity in self._by_id:
            raise DocumentError(f"two states have the id {identity!r}", element.line)
        draft = _Draft(element, index, identity, "atomic", parent)
        self._drafts.append(draft)
        if index:
            self._by_id[identity] = index
        for child in scxml_children(element):
            if child.name in _STATES:
                number = self._number(child, index)
                (draft.histories if child.name == "history" else draft.children).append(number)
        draft.kind = _kind(draft)
        draft.last = len(self._drafts) - 1
        return index

    def _path(self, index: int) -> tuple[int, ...]:
        found: list[int] = []
        while index:
            index = self._drafts[index].parent
            found.append(index)
        return tuple(found)

    def _state(self, draft: _Draft) -> State:
        groups: dict[str, list[Element]] = {}
        for child in scxml_children(draft.element):
            groups.setdefault(child.name, []).append(child)
        transitions = tuple(self._transition(draft, item) for item in groups.get("transition", ()))
        donedata = groups.get("donedata")
        return State(
            index=draft.index,
            last=draft.last,
            id=draft.id,
            kind=draft.kind,
            parent=draft.parent,
            children=tuple(draft.children),
            histories=tuple(draft.histories),
            transitions=transitions,
            onentry=tuple(compile_block(item) for item in groups.get("onentry", ())),
            onexit=tuple(compile_block(item) for item in groups.get("onexit", ())),
            invokes=tuple(self._invoke(item) for item in groups.get("invoke", ())),
            initial=self._initial(draft, groups.get("initial"), transitions),
            deep=draft.element.get("type") == "deep",
            data=tuple(self._data(item) for group in groups.get("datamodel", ()) for item in _data_of(group)),
            donedata=compile_payload(donedata[0]) if donedata else None,
        )

    def _initial(
        self, draft: _Draft, initials: list[Element] | None, transitions: tuple[Transition, ...]
    ) -> Transition | None:
        """The transition taken when the state is entered by default (SCXML 3.3, 3.6, 3.10)."""
        if draft.kind == "history":
            if len(transitions) != 1 or not transitions[0].targets:
                raise DocumentError("<history> needs one transition with a target", draft.element.line)
            return self._checked_history(draft, transitions[0])
        if draft.kind != "compound":
            return None
        attribute = draft.element.get("initial")
        if attribute is not None:
            targets = self._targets(attribute, draft.element.line)
            return self._checked(draft, Transition(draft.index, (), None, targets, False, ()))
        if initials:
            inner = [child for child in scxml_children(initials[0]) if child.name == "transition"]
            if len(inner) != 1 or inner[0].get("target") is None:
                raise DocumentError("<initial> needs one transition with a target", initials[0].line)
            return self._checked(draft, self._transition(draft, inner[0]))
        return Transition(draft.index, (), None, (draft.children[0],), False, ())

    def _checked(self, draft: _Draft, transition: Transition) -> Transition:
        if not all(draft.index < target <= draft.last for target in transition.targets):
            raise DocumentError(f"the initial state of {draft.id!r} is not inside it", draft.element.line)
        return transition

    def _checked_history(self, draft: _Draft, transition: Transition) -> Transition:
        """The default of a history lies inside its parent and is no history itself (SCXML 3.10.2): a chart
        in which one leads to the other could never be entered.
        """
        parent = self._drafts[draft.parent]
        for target in transition.targets:
            if not parent.index < target <= parent.last or self._drafts[target].kind == "history":
                raise DocumentError(
                    f"the default state of the history {draft.id!r} is not inside its parent",
                    draft.element.line,
                )
        return transition

    def _transition(self, draft: _Draft, element: Element) -> Transition:
        target = element.get("target")
        return Transition(
            source=draft.index,
            events=tuple(_descriptor(item) for item in (element.get("event") or "").split()),
            cond=element.get("cond"),
            targets=self._targets(target, element.line) if target is not None else (),
            internal=element.get("type") == "internal",
            content=compile_block(element),
        )

    def _targets(self, attribute: str, line: int) -> tuple[int, ...]:
        try:
            return tuple(self._by_id[name] for name in attribute.split())
        except KeyError as error:
            raise DocumentError(f"no state has the id {error.args[0]!r}", line) from None

    def _script(self, element: Element) -> Script:
        source = element.get("src")
        if source is None:
            return Script(element.text())
        if source not in self._resources:
            raise DocumentError(f"the script {source!r} could not be had", element.line)
        return Script(self._resources[source])

    def _data(self, element: Element) -> Data:
        source = element.get("src")
        identity = required(element, "id")
        if source is None:
            return Data(identity, element.get("expr"), inline_content(element))
        text = self._resources.get(source)
        return Data(identity, None, None if text is None else Content(text=text), missing=text is None)

    def _invoke(self, element: Element) -> Invoke:
        content = next((child for child in scxml_children(element) if child.name == "content"), None)
        finalize = next((child for child in scxml_children(element) if child.name == "finalize"), None)
        return Invoke(
            id=element.get("id"),
            idlocation=element.get("idlocation"),
            type=value_of(element, "type"),
            src=value_of(element, "src"),
            payload=compile_payload(element),
            document=self._inline_document(content),
            autoforward=flag(element, "autoforward"),
            finalize=compile_block(finalize) if finalize is not None else None,
        )

    def _inline_document(self, content: Element | None) -> Document | DocumentError | None:
        """An inline document with a fault is an event of the run, not a fault of this document."""
        root = None
        if content is not None:
            root = next((child for child in content.elements() if child.name == "scxml"), None)
        if root is None:
            return None
        text = to_xml(root)
        try:
            return _Compiler(text, self._resources, self._limits).compile(root)
        except DocumentError as error:
            return error


def _kind(draft: _Draft) -> Kind:
    name = draft.element.name
    if name in ("parallel", "final", "history"):
        return name  # type: ignore[return-value]
    return "compound" if draft.children else "atomic"


def _data_of(element: Element) -> list[Element]:
    return [child for child in scxml_children(element) if child.name == "data"]


def _descriptor(text: str) -> str:
    """`foo.*` and `foo.` mean `foo` (SCXML 3.12.1)."""
    return text.removesuffix("*").removesuffix(".") if text.endswith(".*") else text.removesuffix(".")
