"""From dialog to dialog and from document to document (1.5, 5.3.7 to 5.3.10)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING
from urllib.parse import urldefrag, urljoin

from ringback.sandbox import DocumentError, Json, LimitExceededError, parse_xml

from .document import Document, Node, seconds
from .events import Fetch, Fetched, FetchKind
from .schema import ITEMS
from .state import Context, Frame, Item, Thrown, Wait

if TYPE_CHECKING:
    from .machine import Machine

MENU_ITEM = "$menu"
_SENDING = frozenset({"data", "subdialog", "submit"})
"""Elements that send variables with their request."""


def go(
    machine: Machine,
    context: Context,
    node: Node,
    uri: str,
    *,
    submits: bool = False,
    params: dict[str, Json] | None = None,
    outer: bool = False,
) -> None:
    """Go to a dialog; `params` are those of a subdialog. `outer`: a link of the root document leads there."""
    document = machine.document(context, outer=outer)
    is_here = uri.startswith("#") and not outer and not submits
    if is_here and params is None:
        target = document.dialog(uri[1:])
        if target is None:
            raise Thrown("error.badfetch", f"there is no dialog {uri!r}")
        enter_dialog(machine, context, target)
        return
    info: dict[str, Json] = {"target": urldefrag(uri)[1], "params": params, "submits": submits}
    if is_here:
        _arrive(machine, context, document, info)
    else:
        base = document.url if uri.startswith("#") else document.base
        fetch(machine, context, node, urljoin(base, uri), "document", info)


def fetch(
    machine: Machine,
    context: Context,
    node: Node,
    uri: str,
    kind: FetchKind,
    info: dict[str, Json] | None = None,
) -> None:
    """Ask the platform for something, as the attributes of an element say (6.1)."""
    form = _form_of(machine, context, node) if node.name in _SENDING else {}
    given = node.get("fetchtimeout")
    timeout = seconds(given) if given else machine.time_property(context, "fetchtimeout")
    max_age = node.get("maxage") or machine.property(context, f"{kind}maxage")
    url = urldefrag(urljoin(machine.document(context).base, uri))[0]
    send(
        machine,
        kind,
        url,
        info or {},
        method=(node.get("method") or "get").upper(),
        form=form,
        timeout_s=timeout,
        max_age_s=float(max_age) if max_age.isdecimal() else None,
    )


def _form_of(machine: Machine, context: Context, node: Node) -> dict[str, str]:
    """The fields that are submitted (5.3.8); without a list the fields of the form."""
    listed = node.get("namelist")
    if listed is None:
        names = []
        if node.name == "submit":
            nodes = ((machine.node_of(context, item).name, item.name) for item in context.items)
            names = [name for kind, name in nodes if kind in ("field", "record", "transfer", "subdialog")]
    else:
        names = listed.split()
    return {name: _field(machine.scopes.evaluate(name)) for name in names}


def _field(value: Json) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None or isinstance(value, str):
        return value or ""
    return json.dumps(value)


def send(
    machine: Machine,
    kind: FetchKind,
    url: str,
    info: dict[str, Json],
    *,
    method: str = "GET",
    form: Mapping[str, str] | None = None,
    timeout_s: float = 10.0,
    max_age_s: float | None = None,
) -> None:
    """Wait for a document or data. Raises LimitExceededError when it goes on and on without the caller."""
    machine.fetches += 1
    if machine.fetches > machine.limits.fetches:
        raise LimitExceededError("fetches", f"more than {machine.limits.fetches} fetches without the caller")
    if method not in ("GET", "POST"):
        raise Thrown("error.badfetch", f"the methods are get and post, not {method!r}")
    number = machine.number(kind, timeout_s, {**info, "url": url})
    machine.outputs.append(Fetch(number, kind, url, method, form or {}, timeout_s, max_age_s))


def received(machine: Machine, wait: Wait, reply: Fetched) -> None:
    """What was waited for has come. Raises Thrown when it is not what it should be."""
    if not 200 <= reply.status < 300:
        raise Thrown(f"error.badfetch.http.{reply.status}", f"{wait.info['url']} answered {reply.status}")
    if wait.kind == "data":
        _data(machine, wait.info, reply)
    elif wait.kind == "script":
        machine.see(machine.context)
        machine.scopes.run(machine.innermost(machine.context), reply.body)
    elif wait.kind == "root":
        root = _compiled(machine, reply, wait.info["url"])
        if root.application and root.application != root.url:
            raise Thrown("error.semantic", "an application root document has no root document of its own")
        _install(machine, _context(machine), machine.documents[wait.info["key"]], root, wait.info)
    else:
        _arrive(machine, _context(machine), _compiled(machine, reply, wait.info["url"]), wait.info)


def _context(machine: Machine) -> Context | None:
    return machine.contexts[-1] if machine.contexts else None


def _compiled(machine: Machine, reply: Fetched, url: str) -> Document:
    try:
        document = Document(reply.body, reply.url or url, machine.limits)
    except DocumentError as error:
        raise Thrown("error.badfetch", f"{url}: {error}") from None
    return machine.documents.setdefault(document.key, document)


def _data(machine: Machine, info: Mapping[str, Json], reply: Fetched) -> None:
    text = reply.body.strip()
    if reply.content_type.endswith("json") or text.startswith(("{", "[")):
        try:
            value = json.loads(text)
        except (ValueError, RecursionError):
            raise Thrown("error.badfetch", "the data is not JSON") from None
    else:
        try:
            parse_xml(text, machine.limits)
        except DocumentError as error:
            raise Thrown("error.badfetch", f"the data is not XML: {error}") from None
        value = {"$xml": text}
    if info["name"]:
        machine.scopes.declare(info["scope"], info["name"])
        machine.scopes.set(info["scope"], info["name"], value)


def _arrive(machine: Machine, context: Context | None, document: Document, info: dict[str, Json]) -> None:
    """A document is there: its root document is kept, or has to come first (5.1.3)."""
    if document.dialog(info["target"]) is None and (info["target"] or info.get("params") is not None):
        raise Thrown("error.badfetch", f"there is no dialog #{info['target']} in {document.url}")
    wanted = document.application
    is_root = not wanted or wanted == document.url
    known = None
    if context is not None:
        known = machine.documents[context.outer or context.document]
    if is_root:
        _install(machine, context, document, None, info)
    elif known is not None and known.url == wanted:
        _install(machine, context, document, known, info)
    else:
        send(machine, "root", wanted, {**info, "key": document.key})


def _install(
    machine: Machine,
    context: Context | None,
    document: Document,
    root: Document | None,
    info: Mapping[str, Json],
) -> None:
    """Enter a document. Its application's variables stay when the application does."""
    params = info.get("params")
    kept = None
    if context is not None and params is None and not info["submits"]:
        before = context.outer or context.document
        if machine.documents[before].url == (root or document).url and (root is not None or context.outer):
            kept = context.application
    if params is not None and len(machine.contexts) > machine.limits.subdialogs:
        raise LimitExceededError("subdialogs", f"more than {machine.limits.subdialogs} inside one another")
    if context is not None and params is None:
        machine.contexts.pop()
        leave(machine, context, keep=kept or 0)
    made = _make_context(machine, document, root, kept)
    made.target, made.params = info["target"], dict(params or {})
    machine.contexts.append(made)
    if kept is None or root is not None:
        made.frames.append(Frame(0, 0, len(document.root.children), init=True))
    if kept is None and root is not None:
        made.frames.append(Frame(0, 0, len(root.root.children), init=True, outer=True))
    forget_documents(machine)


def _make_context(machine: Machine, document: Document, root: Document | None, kept: int | None) -> Context:
    scopes = machine.scopes
    roots = scopes.open()
    application = kept or scopes.open()
    own = application if root is None else scopes.open()
    for name, scope in (("session", machine.session), ("application", application), ("document", own)):
        scopes.link(roots, name, scope)
    return Context(document.key, root.key if root is not None else "", roots, application, own)


def leave(machine: Machine, context: Context, keep: int = 0) -> None:
    """A context is over; the application's scope may be kept."""
    machine.unwind(context)
    own = {context.roots, context.application, context.own, context.dialog_scope} - {keep}
    machine.drop(*own)


def forget_documents(machine: Machine) -> None:
    """Let go of documents that nothing refers to any more."""
    used = {key for context in machine.contexts for key in (context.document, context.outer)}
    if machine.wait is not None:
        used.add(machine.wait.info.get("key", ""))
    for key in set(machine.documents) - used:
        del machine.documents[key]


def enter_dialog(machine: Machine, context: Context, dialog: Node) -> None:
    """2.1.6: everything of the dialog begins anew."""
    machine.unwind(context)
    machine.drop(context.dialog_scope)
    context.dialog_scope, context.dialog = machine.scopes.open(), dialog.number
    machine.scopes.link(context.roots, "dialog", context.dialog_scope)
    context.form, context.active, context.filled = Item(dialog.number, ""), -1, []
    context.silent = context.form_level = False
    context.next_item, context.step = "", "entered"
    if dialog.name == "menu":
        context.items = [Item(dialog.number, MENU_ITEM)]
        machine.scopes.declare(context.dialog_scope, MENU_ITEM)
    else:
        items = enumerate(dialog.named(*ITEMS))
        context.items = [Item(item.number, item.get("name") or f"$item{at}") for at, item in items]
    context.frames.append(Frame(dialog.number, 0, len(dialog.children), init=True))


def leave_subdialog(machine: Machine, context: Context) -> None:
    """5.3.10: back to the dialog that called."""
    if len(machine.contexts) == 1:
        raise Thrown("error.semantic", "<return> outside of a subdialog")
    machine.contexts.pop()
    leave(machine, context)
    forget_documents(machine)
