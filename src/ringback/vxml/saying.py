"""Prompts (4.1): which are chosen, and what they say."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING
from urllib.parse import urljoin

from ringback.sandbox import LimitExceededError

from .document import Document, Node, seconds
from .events import Audio, Mark, Part, Pause, Text
from .state import Context, Item, Queued, Thrown

if TYPE_CHECKING:
    from .machine import Machine

_SILENT = frozenset({"desc", "lexicon", "meta", "metadata"})


def queue_prompts(machine: Machine, context: Context, item: Item) -> None:
    """Queue the prompts of an item that is visited, and count the visit (4.1.6)."""
    node = machine.node_of(context, item)
    prompts = [
        each
        for each in node.children
        if (isinstance(each, Node) and each.name in ("prompt", "audio", "enumerate", "value"))
        or (isinstance(each, str) and each.strip() and node.name != "block")
    ]
    chosen = [each for each in prompts if _holds(machine, each)]
    reached = [count for each in chosen if (count := _count(each)) <= item.prompts]
    best = max(reached, default=0)
    item.prompts += 1
    document = machine.document(context)
    for each in chosen:
        if _count(each) == best:
            say(machine, context, document, each)


def _holds(machine: Machine, prompt: Node | str) -> bool:
    return isinstance(prompt, str) or machine.scopes.condition(prompt.get("cond") or "true")


def _count(prompt: Node | str) -> int:
    return 1 if isinstance(prompt, str) else int(prompt.get("count") or 1)


def say(machine: Machine, context: Context, document: Document, what: Node | str) -> None:
    """Queue a prompt, or something that may stand in one without it."""
    bargein = machine.property(context, "bargein")
    parts: Iterable[Node | str] = (what,)
    speaker = _Speaker(machine, context, document)
    if isinstance(what, Node) and what.name == "prompt":
        bargein = what.get("bargein") or bargein
        timeout = what.get("timeout")
        machine.prompt_timeout = seconds(timeout) if timeout else None
        parts = what.children
        speaker.lang = what.attributes.get("{http://www.w3.org/XML/1998/namespace}lang") or speaker.lang
    for part in speaker.parts(parts):
        machine.queue.append(Queued(part, bargein != "false"))
        if len(machine.queue) > machine.limits.prompts:
            raise LimitExceededError("prompts", f"more than {machine.limits.prompts} parts of prompts")


class _Speaker:
    """Turns the content of a prompt into its parts."""

    def __init__(self, machine: Machine, context: Context, document: Document) -> None:
        self._machine = machine
        self._context = context
        self._document = document
        self.lang = document.lang

    def parts(self, content: Iterable[Node | str], say_as: str = "") -> Iterator[Part]:
        """What is heard of this content. Raises Thrown for words that cannot be spoken."""
        for each in content:
            if isinstance(each, str):
                yield from self._words(each, say_as)
            elif each.name not in _SILENT:
                self._machine.spend()
                yield from self._element(each, say_as)

    def _words(self, text: str, say_as: str) -> Iterator[Part]:
        words = " ".join(text.split())
        if not words:
            return
        part = Text(words, self.lang, say_as)
        if not self._machine.voice.says(part):
            raise Thrown("error.noresource.speech", f"no voice for {words[:40]!r}")
        yield part

    def _element(self, node: Node, say_as: str) -> Iterator[Part]:
        match node.name:
            case "audio":
                yield from self._audio(node)
            case "value":
                yield from self._words(self._machine.scopes.text(node.get("expr") or ""), say_as)
            case "mark":
                expr = node.get("nameexpr")
                yield Mark(node.get("name") or self._machine.scopes.text(expr or "''"))
            case "break":
                yield Pause(seconds(node.get("time") or "500ms"))
            case "sub":
                yield from self._words(node.get("alias") or node.text(), say_as)
            case "say-as":
                kind = (node.get("interpret-as") or node.get("type") or "").rpartition(":")[2]
                yield from self.parts(node.children, kind)
            case "foreach":
                yield from self._each(node, say_as)
            case "enumerate":
                yield from self._enumerate(node)
            case _:
                yield from self.parts(node.children, say_as)

    def _audio(self, node: Node) -> Iterator[Part]:
        """The recording, else its alternative; nothing at all when its expression is undefined (2.1, 5)."""
        expr = node.get("expr")
        if expr is not None and self._machine.scopes.evaluate(expr) is None:
            return
        source = node.get("src") if expr is None else self._machine.scopes.text(expr)
        url = urljoin(self._document.base, source) if source else ""
        if url and self._machine.voice.plays(url):
            yield Audio(url)
        else:
            yield from self.parts(node.children)

    def _each(self, node: Node, say_as: str) -> Iterator[Part]:
        machine, context = self._machine, self._context
        scope = machine.scopes.open()
        context.anonymous.append(scope)
        item = node.get("item") or ""
        try:
            machine.see(context)
            length = machine.scopes.open_list(scope, node.get("array") or "")
            if not machine.scopes.known(item):
                machine.scopes.declare(scope, item)
            for position in range(length):
                machine.scopes.bind_item(scope, position, item)
                yield from self.parts(node.children, say_as)
        finally:
            context.anonymous.pop()
            machine.see(context)
            machine.drop(scope)

    def _enumerate(self, node: Node) -> Iterator[Part]:
        """2.2: each choice with its keys; the content may say it otherwise."""
        machine, context = self._machine, self._context
        owner = next(
            each for each in self._document.ancestors(node) if each.name in ("menu", "field", "vxml")
        )
        scope = machine.scopes.open()
        context.anonymous.append(scope)
        try:
            machine.see(context)
            for choice in owner.named("choice", "option"):
                words = " ".join(choice.text().split())
                machine.scopes.set(scope, "_prompt", words)
                machine.scopes.set(scope, "_dtmf", self._document.menu_keys.get(choice.number, ""))
                yield from self.parts(node.children) if node.children else self._words(words, "")
        finally:
            context.anonymous.pop()
            machine.see(context)
            machine.drop(scope)
