"""A tree of sessions as a JSON value, and back (in another process, perhaps years later).

States are stored by id, so that a document may be edited in between as long as its active states stay.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from msgspec.structs import asdict

from .compiler import compile_document
from .errors import ScxmlError
from .events import Event, HttpPost, Json
from .session import Invocation, Session
from .tree import Delayed

if TYPE_CHECKING:
    from .tree import Tree

VERSION = 1


def save_tree(tree: Tree) -> Json:
    """See `Interpreter.snapshot`."""
    return {
        "version": VERSION,
        "root": tree.root_id,
        "bindings": tree.bindings,
        "sessions": [_save_session(session) for session in tree.sessions.values()],
        "delayed": [_save_delayed(item) for item in tree.delayed],
        "awaited": [[*key, url, data] for key, (url, data) in tree.awaited.items()],
        "actions_made": tree.actions_made,
        "ids_made": tree.ids_made,
    }


def _save_session(session: Session) -> Json:
    states = session.document.states
    is_root = session.parent is None
    return {
        "id": session.id,
        "parent": session.parent.id if session.parent is not None else None,
        "invokeid": session.invokeid,
        "document": None if is_root else session.document.source,
        "resources": {} if is_root else dict(session.document.resources),
        "started": session.started,
        "configuration": [states[index].id for index in sorted(session.configuration)],
        "history": {
            states[key].id: [states[index].id for index in value] for key, value in session.history.items()
        },
        "initialised": [states[index].id for index in sorted(session.initialised)],
        "internal": [event.to_json() for event in session.internal],
        "external": [event.to_json() for event in session.external],
        "invocations": {
            key: [states[value.state].id, value.number, value.child]
            for key, value in session.invocations.items()
        },
        "start_data": session.start_data,
        "data": session.datamodel.save() if session.started else None,
    }


def _save_delayed(item: Delayed) -> Json:
    return {
        "due": item.due,
        "order": item.order,
        "session": item.session,
        "sendid": item.sendid,
        "target": item.target,
        "event": item.event.to_json() if item.event is not None else None,
        "post": asdict(item.post) if item.post is not None else None,
    }


def load_tree(tree: Tree, saved: Json) -> None:
    """Fill a fresh tree, whose root is made, with what was saved. Raises ScxmlError."""
    if saved.get("version") != VERSION:
        raise ScxmlError(f"a snapshot of version {saved.get('version')!r} cannot be read")
    tree.actions_made, tree.ids_made = saved["actions_made"], saved["ids_made"]
    root = tree.root
    tree.sessions.clear()
    made: dict[str, Session] = {}
    for item in saved["sessions"]:
        parent = made.get(item["parent"] or "")
        session = root if item["document"] is None else None
        if session is None:
            document = compile_document(item["document"], item["resources"], tree.limits)
            session = Session(tree, document, item["id"], parent, item["invokeid"])
        made[item["id"]] = tree.sessions[item["id"]] = session
        _load_session(session, item)
    tree.delayed = [_load_delayed(item) for item in saved["delayed"]]
    for session_id, invokeid, url, data in saved["awaited"]:
        tree.fetch(tree.sessions[session_id], invokeid, url, data)


def _load_session(session: Session, saved: Json) -> None:
    index = {state.id: state.index for state in session.document.states}
    try:
        session.configuration = {index[name] for name in saved["configuration"]}
        session.history = {
            index[key]: tuple(index[name] for name in value) for key, value in saved["history"].items()
        }
        session.initialised = {index[name] for name in saved["initialised"]}
        session.invocations = {
            key: Invocation(index[state], number, child)
            for key, (state, number, child) in saved["invocations"].items()
        }
    except KeyError as error:
        raise ScxmlError(f"the document has no state {error.args[0]!r} any more") from None
    session.internal = deque(Event.from_json(event) for event in saved["internal"])
    session.external = deque(Event.from_json(event) for event in saved["external"])
    session.start_data = saved["start_data"]
    session.started = saved["started"]
    session.running = session.started
    if session.started:
        session.configuration_changed()
        if saved["data"] is not None:
            session.datamodel.load(saved["data"], [script.source for script in session.document.scripts])


def _load_delayed(saved: Json) -> Delayed:
    return Delayed(
        due=saved["due"],
        order=saved["order"],
        session=saved["session"],
        sendid=saved["sendid"],
        target=saved["target"],
        event=Event.from_json(saved["event"]) if saved["event"] is not None else None,
        post=HttpPost(**saved["post"]) if saved["post"] is not None else None,
    )
