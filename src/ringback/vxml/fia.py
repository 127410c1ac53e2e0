"""The form interpretation algorithm (appendix C): select an item, visit it, process what came."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from ringback.sandbox import DocumentError, Json

from . import events, moving, saying
from .builtin import builtin
from .document import Node, seconds
from .grammar import Grammar, Meaning
from .schema import ITEMS
from .state import Context, Item, Queued, Thrown, Wait

if TYPE_CHECKING:
    from .machine import Machine

_MOST_KEYS = 500


def step(machine: Machine, context: Context) -> None:
    """What comes when nothing is left to execute."""
    machine.see(context)
    _STEPS[context.step](machine, context)


def _document(machine: Machine, context: Context) -> None:
    """The document is entered: now its dialog."""
    dialog = machine.document(context).dialog(context.target)
    if dialog is None:
        machine.end()
    else:
        moving.enter_dialog(machine, context, dialog)


def _entered(_machine: Machine, context: Context) -> None:
    context.step = "select"
    if context.params:
        unknown = ", ".join(sorted(context.params))
        context.params.clear()
        raise Thrown("error.semantic", f"the subdialog has no <var> for {unknown}")


def _select(machine: Machine, context: Context) -> None:
    """The item that a `<goto>` named, else the first that is not filled and whose condition holds."""
    context.active = -1
    position = _next_item(machine, context)
    if position is None:
        context.step = "exit"
        return
    context.active, context.form_level = position, False
    item = context.items[position]
    if not context.silent and machine.node_of(context, item).name != "block":
        saying.queue_prompts(machine, context, item)
    context.silent = False
    context.step = "visit"


def _next_item(machine: Machine, context: Context) -> int | None:
    wanted, context.next_item = context.next_item, ""
    for position, item in enumerate(context.items):
        if wanted:
            if item.name == wanted:
                return position
        elif not machine.scopes.is_set(context.dialog_scope, item.name):
            node = machine.node_of(context, item)
            if node.name == "menu" or machine.scopes.condition(node.get("cond") or "true"):
                return position
    return None


def _visit(machine: Machine, context: Context) -> None:
    item = context.items[context.active]
    node = machine.node_of(context, item)
    _VISITS[node.name](machine, context, node)


def _block(machine: Machine, context: Context, node: Node) -> None:
    machine.scopes.set(context.dialog_scope, context.items[context.active].name, True)
    context.step = "select"
    machine.enter(context, node)


def _unsupported(_machine: Machine, _context: Context, node: Node) -> None:
    raise Thrown(f"error.unsupported.{node.name}", f"<{node.name}> is not for keys")


def _subdialog(machine: Machine, context: Context, node: Node) -> None:
    """2.3.4: its document is entered in a context of its own."""
    expr = node.get("srcexpr")
    uri = node.get("src") or "" if expr is None else machine.scopes.text(expr)
    params = {
        param.get("name") or "": param.get("value") or machine.scopes.evaluate(param.get("expr") or "''")
        for param in node.named("param")
    }
    moving.go(machine, context, node, uri, params=params)


def _input_is_possible(machine: Machine, context: Context) -> bool:
    """1.5.4: when the caller has gone, the application is told once, and can ask for nothing any more."""
    if not machine.gone:
        return True
    machine.queue.clear()
    if machine.told:
        context.step = "exit"
    else:
        machine.told = True
        raise Thrown("connection.disconnect.hangup")
    return False


def _collect(machine: Machine, context: Context, node: Node) -> None:
    """Play what cannot be interrupted, then the rest while keys are listened for."""
    if not _input_is_possible(machine, context):
        return
    last = max((at for at, each in enumerate(machine.queue) if not each.bargein), default=-1)
    if last >= 0:
        rest: list[Queued] = machine.queue[last + 1 :]
        del machine.queue[last + 1 :]
        machine.flush()
        machine.queue = rest
        return
    grammars = [grammar for grammar, _, _ in active_grammars(machine, context)]
    if not grammars:
        raise Thrown("error.semantic", f"<{node.name}> listens for no keys")
    lengths = [grammar.longest for grammar in grammars]
    longest = [length for length in lengths if length is not None and length <= _MOST_KEYS]
    taken = frozenset[str]().union(*(grammar.keys for grammar in grammars))
    timeout = machine.prompt_timeout
    output = events.Collect(
        machine.number("collect"),
        tuple(each.part for each in machine.queue),
        max(longest) if len(longest) == len(lengths) else 0,
        "".join(key for key in machine.property(context, "termchar") if key not in taken),
        machine.time_property(context, "timeout") if timeout is None else timeout,
        machine.time_property(context, "interdigittimeout"),
    )
    machine.queue.clear()
    machine.prompt_timeout = None
    machine.outputs.append(output)


def _record(machine: Machine, context: Context, node: Node) -> None:
    if not _input_is_possible(machine, context) or machine.flush():
        return
    machine.outputs.append(
        events.Record(
            machine.number("record"),
            node.get("beep") == "true",
            seconds(node.get("maxtime") or "120s"),
            seconds(node.get("finalsilence") or "0s"),
            node.get("dtmfterm") != "false",
        )
    )


def _transfer(machine: Machine, context: Context, node: Node) -> None:
    if not _input_is_possible(machine, context) or machine.flush():
        return
    expr, aai = node.get("destexpr"), node.get("aaiexpr")
    kind = node.get("type") or ("bridge" if node.get("bridge") == "true" else "blind")
    if kind not in ("bridge", "blind"):
        raise Thrown(f"error.unsupported.transfer.{kind}", "a transfer is blind or a bridge")
    machine.outputs.append(
        events.Transfer(
            machine.number("transfer"),
            node.get("dest") or "" if expr is None else machine.scopes.text(expr),
            kind == "bridge",
            seconds(node.get("connecttimeout") or "30s"),
            seconds(node.get("maxtime") or "0s"),
            node.get("aai") or "" if aai is None else machine.scopes.text(aai),
        )
    )


# Grammars

Active = tuple[Grammar, Node, bool]
"""A grammar that is listened for, its element, and whether that stands in the root document."""


def active_grammars(machine: Machine, context: Context) -> list[Active]:
    """3.1.4: those of the item first, then of the form, the document and its root document."""
    item = machine.node_of(context, context.items[context.active])
    found = list(_own_grammars(machine, context, item))
    if item.get("modal") == "true":
        return found
    document = machine.document(context)
    dialog = document.nodes[context.dialog]
    found += _links(document.grammars, item, outer=False)
    if dialog is not item:
        found += _links(document.grammars, dialog, outer=False)
    for outer, root in machine.around(context):
        if root.name == "vxml":
            grammars = machine.document(context, outer=outer).grammars
            found += _links(grammars, root, outer=outer)
            found += _of_dialogs(grammars, root, dialog, outer=outer)
    return found


def _own_grammars(machine: Machine, context: Context, item: Node) -> Iterator[Active]:
    document = machine.document(context)
    kind = item.get("type") if item.name == "field" else None
    if kind:
        try:
            yield builtin(kind), item, False
        except DocumentError as error:
            raise Thrown("error.unsupported.builtin", str(error)) from None
    for node in item.named("grammar", "option", "choice"):
        grammar = document.grammars.get(node.number)
        expr = node.get("srcexpr")
        if expr is not None:
            try:
                grammar = builtin(machine.scopes.text(expr))
            except DocumentError as error:
                raise Thrown("error.badfetch", str(error)) from None
        if grammar is not None:
            yield grammar, item if node.name == "grammar" else node, False


def _links(grammars: dict[int, Grammar], around: Node, *, outer: bool) -> Iterator[Active]:
    for link in around.named("link"):
        for node in link.named("grammar"):
            if node.number in grammars:
                yield grammars[node.number], link, outer


def _of_dialogs(grammars: dict[int, Grammar], root: Node, here: Node, *, outer: bool) -> Iterator[Active]:
    """Dialogs of the whole document: `scope="document"`."""
    for dialog in root.named("form", "menu"):
        if dialog.get("scope") != "document" or (dialog is here and not outer):
            continue
        for node in dialog.named("grammar", "choice"):
            if node.number in grammars:
                yield grammars[node.number], dialog if node.name == "grammar" else node, outer


# What came


def collected(machine: Machine, context: Context, came: events.Collected) -> None:
    """The caller has pressed something, or nothing."""
    if not came.keys and came.ended == "timeout":
        raise Thrown("noinput")
    machine.see(context)
    for grammar, node, outer in active_grammars(machine, context):
        meaning = grammar.match(came.keys)
        if meaning is not None:
            _matched(machine, context, node, outer=outer, keys=came.keys, meaning=meaning)
            return
    raise Thrown("nomatch")


def _matched(
    machine: Machine, context: Context, node: Node, *, outer: bool, keys: str, meaning: Meaning
) -> None:
    result: dict[str, Json] = {
        "utterance": keys,
        "inputmode": "dtmf",
        "confidence": 1.0,
        "interpretation": meaning,
    }
    machine.scopes.set(context.application, "lastresult$", {"0": result, "length": 1, **result})
    if node.name in ("choice", "link"):
        _follow(machine, context, node, outer=outer)
    elif node.name in ("form", "menu"):
        moving.go(machine, context, node, f"#{node.get('id') or ''}", outer=outer)
    else:
        item = context.items[context.active].name
        if node.name == "option":
            meaning = node.get("value") or " ".join(node.text().split())
        fill(machine, context, {item: meaning, f"{item}$": result})


def _follow(machine: Machine, context: Context, node: Node, *, outer: bool) -> None:
    """A choice or a link: to a dialog, or an event."""
    expr, event_expr = node.get("expr"), node.get("eventexpr")
    event = node.get("event") if event_expr is None else machine.scopes.text(event_expr)
    if event:
        message = node.get("messageexpr")
        raise Thrown(event, node.get("message") or "" if message is None else machine.scopes.text(message))
    uri = node.get("next") or "" if expr is None else machine.scopes.text(expr)
    moving.go(machine, context, node, uri, outer=outer)


def fill(machine: Machine, context: Context, values: dict[str, Json]) -> None:
    """Give form items their values, and execute the `<filled>` that are concerned, in document order."""
    for name, value in values.items():
        machine.scopes.set(context.dialog_scope, name, value)
    form = machine.document(context).nodes[context.dialog]
    active = context.items[context.active]
    found = [node.number for node in machine.node_of(context, active).named("filled")]
    for node in form.named("filled"):
        names = (node.get("namelist") or "").split() or [
            item.name for item in context.items if _is_input(machine, context, item)
        ]
        filled = [machine.scopes.is_set(context.dialog_scope, name) for name in names]
        if active.name in names and (node.get("mode") == "any" or all(filled)):
            found.append(node.number)
    context.filled = sorted(found)
    context.step = "filled"


def _is_input(machine: Machine, context: Context, item: Item) -> bool:
    return machine.node_of(context, item).name in ITEMS - {"block", "initial"}


def _filled(machine: Machine, context: Context) -> None:
    """The next `<filled>`; when there is none, the next item."""
    if not context.filled:
        context.form_level = False
        context.step = "select"
        return
    node = machine.document(context).nodes[context.filled.pop(0)]
    context.form_level = node.parent == context.dialog
    machine.enter(context, node)


def _caught(_machine: Machine, context: Context) -> None:
    """Appendix C: without `<reprompt>` the next item says nothing."""
    context.silent, context.reprompt = not context.reprompt, False
    context.step = "select"


def _exit(machine: Machine, _context: Context) -> None:
    if not machine.flush():
        machine.end()


def recorded(machine: Machine, context: Context, came: events.Recorded) -> None:
    """2.3.6: the recording, and what there is to know of it."""
    if came.recording is None:
        raise Thrown("noinput")
    name = context.items[context.active].name
    about = {
        "duration": int(came.seconds * 1000),
        "size": came.size,
        "termchar": came.key or None,
        "maxtime": came.reached_max,
    }
    fill(machine, context, {name: came.recording, f"{name}$": about})


def transferred(machine: Machine, context: Context, came: events.Transferred) -> None:
    """2.3.7: a caller who was transferred for good has gone."""
    if came.result == "transferred":
        machine.gone = machine.told = True
        raise Thrown("connection.disconnect.transfer")
    name = context.items[context.active].name
    fill(machine, context, {name: came.result, f"{name}$": {"duration": came.seconds}})


def answered(machine: Machine, context: Context, wait: Wait, came: events.Input) -> None:
    """The answer to what the dialog waited for, of the kind that it waited for."""
    match came:
        case events.Collected() if wait.kind == "collect":
            collected(machine, context, came)
        case events.Recorded() if wait.kind == "record":
            recorded(machine, context, came)
        case events.Transferred() if wait.kind == "transfer":
            transferred(machine, context, came)


_STEPS: dict[str, Callable[[Machine, Context], None]] = {
    "caught": _caught,
    "document": _document,
    "entered": _entered,
    "exit": _exit,
    "filled": _filled,
    "select": _select,
    "visit": _visit,
}
_VISITS: dict[str, Callable[[Machine, Context, Node], None]] = {
    "block": _block,
    "field": _collect,
    "initial": _unsupported,
    "menu": _collect,
    "object": _unsupported,
    "record": _record,
    "subdialog": _subdialog,
    "transfer": _transfer,
}
