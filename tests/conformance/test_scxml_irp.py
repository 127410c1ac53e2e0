"""The W3C SCXML 1.0 implementation report tests, ECMAScript data model, on a virtual clock.

A test passes when it ends in the top-level final state `pass`. The manual tests that are here were made
automatic by their publisher (`ManualAsAuto`).
"""

import os
from pathlib import Path

import pytest

from ringback.scxml import (
    Ended,
    Event,
    Fetch,
    HttpPost,
    Interpreter,
    compile_document,
    event_from_http,
    external_sources,
)

PROJECT = Path(__file__).resolve().parents[2]
SUITE = Path(os.environ.get("RINGBACK_SUITES", PROJECT / "../shared/suites")) / "scxml-irp"
LOADED_BY_TESTS = "sub1"
HTTP = "http://127.0.0.1:1/scxml"
QUIET_SECONDS = 60.0


def documents() -> list[Path]:
    folders = ("Mandatory/Auto", "Mandatory/ManualAsAuto", "Optional/Auto")
    found = (path for folder in folders for path in sorted((SUITE / folder).glob("*.scxml")))
    return [path for path in found if LOADED_BY_TESTS not in path.stem]


def read(folder: Path, url: str) -> str | None:
    path = folder / url.removeprefix("file:")
    return path.read_text("utf-8-sig") if path.is_file() else None


class Harness:
    """Carries out the outputs of one session and moves its clock."""

    def __init__(self, path: Path) -> None:
        self.folder = path.parent
        text = path.read_text("utf-8-sig")
        loaded = {url: read(self.folder, url) for url in external_sources(text)}
        resources = {url: body for url, body in loaded.items() if body is not None}
        self.session = Interpreter(compile_document(text, resources), "test", http_location=HTTP)
        self.now = 0.0
        self.final: str | None = None

    def run(self) -> str | None:
        self.session.start(self.now)
        self._carry_out()
        while self.session.running:
            due = self.session.next_timer()
            if due is None or due > QUIET_SECONDS:
                return "quiet in " + " ".join(self.session.configuration)
            self.now = max(self.now, due)
            self.session.handle_timer(self.now)
            self._carry_out()
        return self.final

    def _carry_out(self) -> None:
        while outputs := self.session.outputs():
            for output in outputs:
                if isinstance(output, Ended):
                    self.final = output.final or output.error
                elif isinstance(output, Fetch):
                    text = read(self.folder, output.url)
                    self.session.fetched(output.session, output.invokeid, text, self.now)
                elif isinstance(output, HttpPost):
                    self._post(output)

    def _post(self, post: HttpPost) -> None:
        base, _, session_id = post.url.rpartition("/")
        if base == HTTP:
            event = event_from_http("POST", post.content_type, post.body, f"/scxml/{session_id}")
            self.session.feed(event, self.now, session_id)
        else:
            failed = Event("error.communication", "platform", sendid=post.sendid)
            self.session.feed(failed, self.now, post.session)


@pytest.mark.skipif(not SUITE.is_dir(), reason=f"the W3C suite is not at {SUITE} (RINGBACK_SUITES)")
@pytest.mark.parametrize("path", documents(), ids=lambda path: f"{path.parts[-3]}-{path.stem}")
def test_the_document_ends_in_its_state_pass(path: Path) -> None:
    assert Harness(path).run() == "pass"
