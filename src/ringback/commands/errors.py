"""The errors whose message is for people: one line that says what to do."""

import errno

from ringback.commands.accounts import AccountError
from ringback.commands.simulation.scenario import ScenarioError as PlanError
from ringback.commands.siptools.phones import UnusableUriError
from ringback.commands.texts import TextError
from ringback.domain.routing.log import DecisionLogError
from ringback.domain.routing.waiting import LogError
from ringback.runtime.embedded.errors import EmbeddedError
from ringback.runtime.http import HttpFailure, HttpUnavailable
from ringback.runtime.link import LinkUnavailable
from ringback.runtime.migrate import MigrationError
from ringback.runtime.settings import SettingsError
from ringback.runtime.supervisor_child import SupervisorError
from ringback.runtime.valkey import ValkeyUnavailable
from ringback.scxml import DocumentError
from ringback.testing.scenario_file import ScenarioError

EXPECTED = (
    AccountError,
    DecisionLogError,
    DocumentError,
    EmbeddedError,
    HttpFailure,
    HttpUnavailable,
    LinkUnavailable,
    LogError,
    MigrationError,
    OSError,
    PlanError,
    ScenarioError,
    SettingsError,
    SupervisorError,
    TextError,
    UnusableUriError,
    ValkeyUnavailable,
)


def said(error: Exception) -> str:
    """The message; of an error of the operating system without its number, and the file first."""
    if not isinstance(error, OSError) or not error.strerror:
        return str(error)
    if error.errno == errno.EADDRINUSE:
        return f"{error.strerror}: stop the other program, or move ours (docs/reference/ports.md)."
    return f"{error.filename}: {error.strerror.lower()}." if error.filename else error.strerror
