"""Executable content (5.3), one element a step."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from ringback.sandbox import EvaluationError, Json

from . import fia, moving, saying
from .document import Node
from .events import Disconnect, Log
from .state import Context, Frame, Thrown

if TYPE_CHECKING:
    from .machine import Machine

_ITEMS = frozenset({"block", "field", "initial", "object", "record", "subdialog", "transfer"})
_ON_ENTRY = frozenset({"var", "script", "data"})


def step(machine: Machine, context: Context) -> None:
    """Execute the next child of the innermost element, or leave it."""
    frame = context.frames[-1]
    document = machine.document(context, outer=frame.outer)
    node = document.nodes[frame.node]
    machine.see(context)
    if frame.at >= frame.end:
        _leave(machine, context, frame, node)
        return
    child = node.children[frame.at]
    frame.at += 1
    if isinstance(child, str):
        if child.strip() and not frame.init:
            saying.say(machine, context, document, child)
    elif not frame.init or child.name in _ON_ENTRY:
        _EXECUTED.get(child.name, _prompt)(machine, context, child)
    elif child.name in _ITEMS:
        _declare_item(machine, context, child)


def _leave(machine: Machine, context: Context, frame: Frame, node: Node) -> None:
    if frame.position + 1 < frame.length:
        frame.position += 1
        frame.at = 0
        machine.scopes.bind_item(frame.scope, frame.position, node.get("item") or "")
        return
    context.frames.pop()
    if frame.scope:
        context.anonymous.remove(frame.scope)
        machine.drop(frame.scope)


def _declare_item(machine: Machine, context: Context, node: Node) -> None:
    """2.1.3: the variable of a form item is there, and undefined unless `expr` says more."""
    item = next(each for each in context.items if each.node == node.number)
    expr = node.get("expr")
    if expr is not None:
        machine.scopes.define(context.dialog_scope, item.name, expr)
    else:
        machine.scopes.declare(context.dialog_scope, item.name)


def _var(machine: Machine, context: Context, node: Node) -> None:
    name, expr, scope = node.get("name") or "", node.get("expr"), machine.innermost(context)
    if name in context.params and scope == context.dialog_scope:
        machine.scopes.set(scope, name, context.params.pop(name))
    elif expr is not None:
        machine.scopes.define(scope, name, expr)
    else:
        machine.scopes.declare(scope, name)


def _assign(machine: Machine, _context: Context, node: Node) -> None:
    machine.scopes.assign(node.get("name") or "", node.get("expr") or "undefined")


def _clear(machine: Machine, context: Context, node: Node) -> None:
    """5.3.3: without a list all form items."""
    listed = node.get("namelist")
    for name in [item.name for item in context.items] if listed is None else listed.split():
        machine.scopes.clear(name)
        for item in context.items:
            if item.name == name:
                item.prompts = 1
                item.events.clear()


def _script(machine: Machine, context: Context, node: Node) -> None:
    source = _source(machine, node)
    if source:
        moving.fetch(machine, context, node, source, "script")
    else:
        machine.scopes.run(machine.innermost(context), node.text())


def _data(machine: Machine, context: Context, node: Node) -> None:
    """2.1, 7: what comes is JSON, or XML with a small DOM."""
    info = {"name": node.get("name") or "", "scope": machine.innermost(context)}
    moving.fetch(machine, context, node, _source(machine, node), "data", info)


def _source(machine: Machine, node: Node) -> str:
    expr = node.get("srcexpr")
    return node.get("src") or "" if expr is None else machine.scopes.text(expr)


def _if(machine: Machine, context: Context, node: Node) -> None:
    """5.3.4: the part behind the first condition that holds."""
    cond, start = node.get("cond") or "", 0
    places = [at for at, child in enumerate(node.children) if _is_branch(child)]
    for end in (*places, len(node.children)):
        if machine.scopes.condition(cond):
            context.frames.append(Frame(node.number, start, end, outer=context.frames[-1].outer))
            return
        if end < len(node.children):
            branch = node.children[end]
            cond = (branch.get("cond") if isinstance(branch, Node) else None) or "true"
            start = end + 1


def _is_branch(child: Node | str) -> bool:
    return isinstance(child, Node) and child.name in ("elseif", "else")


def _foreach(machine: Machine, context: Context, node: Node) -> None:
    """2.1, 6: with a copy of the list; the variable of the item is made when there is none."""
    outer, item = context.frames[-1].outer, node.get("item") or ""
    scope = machine.scopes.open()
    length = machine.scopes.open_list(scope, node.get("array") or "")
    if length == 0:
        machine.drop(scope)
        return
    if not machine.scopes.known(item):
        machine.scopes.declare(machine.innermost(context), item)
    context.anonymous.append(scope)
    end = len(node.children)
    context.frames.append(Frame(node.number, 0, end, outer=outer, scope=scope, length=length))
    machine.see(context)
    machine.scopes.bind_item(scope, 0, item)


def _goto(machine: Machine, context: Context, node: Node) -> None:
    expr = node.get("expritem")
    item = node.get("nextitem") if expr is None else machine.scopes.text(expr)
    if item is None:
        expr = node.get("expr")
        moving.go(
            machine, context, node, node.get("next") or "" if expr is None else machine.scopes.text(expr)
        )
        return
    if all(each.name != item for each in context.items):
        raise Thrown("error.badfetch", f"there is no form item {item!r}")
    machine.unwind(context)
    context.filled.clear()
    context.next_item = item
    if context.step != "caught":
        context.step = "select"


def _submit(machine: Machine, context: Context, node: Node) -> None:
    expr = node.get("expr")
    uri = node.get("next") or "" if expr is None else machine.scopes.text(expr)
    moving.go(machine, context, node, uri, submits=True)


def _exit(machine: Machine, context: Context, node: Node) -> None:
    if _played_first(machine, context):
        return
    expr = node.get("expr")
    value = None if expr is None else machine.scopes.evaluate(expr)
    machine.end(values_of(machine, node), value)


def values_of(machine: Machine, node: Node) -> dict[str, Json]:
    """The variables of a list with their values."""
    return {name: machine.scopes.evaluate(name) for name in (node.get("namelist") or "").split()}


def _played_first(machine: Machine, context: Context) -> bool:
    """Play what waits; the element is executed once more when that has ended."""
    if machine.flush():
        context.frames[-1].at -= 1
        return True
    return False


def _disconnect(machine: Machine, context: Context, _node: Node) -> None:
    """5.3.11: from now on nobody listens."""
    if _played_first(machine, context):
        return
    if not machine.gone:
        machine.outputs.append(Disconnect())
    machine.gone = machine.told = True
    raise Thrown("connection.disconnect.hangup", "disconnected by the application")


def _return(machine: Machine, context: Context, node: Node) -> None:
    expr = node.get("eventexpr")
    event = node.get("event") if expr is None else machine.scopes.text(expr)
    message, values = _message(machine, node), values_of(machine, node)
    moving.leave_subdialog(machine, context)
    if event:
        raise Thrown(event, message)
    caller = machine.context
    fia.fill(machine, caller, {caller.items[caller.active].name: values})


def _throw(machine: Machine, _context: Context, node: Node) -> None:
    expr = node.get("eventexpr")
    event = node.get("event") if expr is None else machine.scopes.text(expr)
    if not event:
        raise EvaluationError("<throw> has the empty event")
    raise Thrown(event, _message(machine, node))


def _message(machine: Machine, node: Node) -> str:
    expr = node.get("messageexpr")
    return node.get("message") or "" if expr is None else machine.scopes.text(expr)


def _reprompt(_machine: Machine, context: Context, _node: Node) -> None:
    context.reprompt = True


def _log(machine: Machine, _context: Context, node: Node) -> None:
    parts = [
        child if isinstance(child, str) else machine.scopes.text(child.get("expr") or "")
        for child in node.children
    ]
    if node.get("expr") is not None:
        parts.append(machine.scopes.text(node.get("expr") or ""))
    machine.outputs.append(Log(node.get("label") or "", " ".join("".join(parts).split())))


def _prompt(machine: Machine, context: Context, node: Node) -> None:
    if machine.scopes.condition(node.get("cond") or "true"):
        saying.say(machine, context, machine.document(context, outer=context.frames[-1].outer), node)


_EXECUTED: dict[str, Callable[[Machine, Context, Node], None]] = {
    "assign": _assign,
    "audio": _prompt,
    "clear": _clear,
    "data": _data,
    "disconnect": _disconnect,
    "enumerate": _prompt,
    "exit": _exit,
    "foreach": _foreach,
    "goto": _goto,
    "if": _if,
    "log": _log,
    "prompt": _prompt,
    "reprompt": _reprompt,
    "return": _return,
    "script": _script,
    "submit": _submit,
    "throw": _throw,
    "value": _prompt,
    "var": _var,
}
