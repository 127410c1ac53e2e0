"""The documents say what is so: pages made from the code match it, links lead somewhere, settings exist."""

import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from ringback import topology
from ringback.commands.settings import group_settings
from ringback.domain.callbacks import CallbackSettings, Reason, State
from ringback.services import REGISTRY
from ringback.services.designer.store import SHIPPED
from ringback.services.engagement.envelope import CODES
from ringback.services.orchestration.modules import ACTIONS

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
PAGES = sorted([*ROOT.glob("*.md"), *DOCS.rglob("*.md")])
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_LINKED = re.compile(r"\[([^\]]*)\]\([^)]*\)")
_HEADING = re.compile(r"^#{1,6} (.+)$", re.MULTILINE)
_FENCED = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
_VARIABLE = re.compile(r"RINGBACK_[A-Z0-9_]*[A-Z0-9]\b")
_ELEMENT = re.compile(r"<(?:queue|dialog|ixn|session|statistic|classification|resource|ws|callback):([a-z]+)")


def read(name: str) -> str:
    return (DOCS / name).read_text(encoding="utf-8")


def anchors(page: Path) -> set[str]:
    """What a link may name behind `#`: the headings, as GitHub makes anchors of them, none of fenced text."""
    text = _FENCED.sub("", page.read_text(encoding="utf-8"))
    found: Counter[str] = Counter()
    made = set()
    for heading in _HEADING.findall(text):
        words = re.sub(r"[^\w\- ]", "", _LINKED.sub(r"\1", heading).strip().lower()).replace(" ", "-")
        made.add(f"{words}-{found[words]}" if found[words] else words)
        found[words] += 1
    return made


def known_variables() -> set[str]:
    groups = ("common", *REGISTRY)
    settings = {setting.env for group in groups for setting in group_settings(group, {})}
    hosts = {f"RINGBACK_{service.upper()}_HOST" for service in topology.SERVICES}
    return settings | hosts | {f"{name}_FILE" for name in settings} | {"RINGBACK_CONFIG"}


@pytest.mark.parametrize("name", ["states.md", "settings.md", "ports.md", "connections.md"])
def test_a_page_made_from_the_code_is_what_the_code_says(
    load_tool: Callable[[str], ModuleType], name: str
) -> None:
    made = load_tool("make_diagrams").pages()[name]
    assert read(f"reference/{name}") == made, "run `make docs`"


def test_every_page_of_the_reference_is_made_from_the_code(load_tool: Callable[[str], ModuleType]) -> None:
    found = {page.name for page in (DOCS / "reference").iterdir()}
    assert found == set(load_tool("make_diagrams").pages())


def test_a_diagram_has_no_character_that_ends_a_label() -> None:
    """Mermaid ends the text of an arrow at a colon or a semicolon."""
    arrows = [line for line in read("reference/states.md").splitlines() if " --> " in line]
    assert arrows
    for arrow in arrows:
        _, _, label = arrow.partition(" : ")
        assert not set(label) & set(":;{}"), arrow


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_relative_link_leads_somewhere(page: Path) -> None:
    targets = [link.partition("#")[0] for link in _LINK.findall(page.read_text(encoding="utf-8"))]
    inner = [target for target in targets if target and "://" not in target]
    assert [target for target in inner if not (page.parent / target).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_link_to_a_section_names_a_heading(page: Path) -> None:
    links = [link.partition("#") for link in _LINK.findall(page.read_text(encoding="utf-8"))]
    inner = [(target, anchor) for target, _, anchor in links if anchor and "://" not in target]
    named = [(page.parent / target if target else page, anchor) for target, anchor in inner]
    missing = [(to, anchor) for to, anchor in named if to.suffix == ".md" and anchor not in anchors(to)]
    assert missing == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_setting_that_is_named_exists(page: Path) -> None:
    named = set(_VARIABLE.findall(page.read_text(encoding="utf-8")))
    assert sorted(named - known_variables() - {"RINGBACK_SUITES"}) == []


def test_operations_says_how_many_nodes_each_service_may_have() -> None:
    section = read("operations.md").partition("### How many nodes")[2].partition("###")[0]
    rows = re.findall(r"^\| `([a-z_]+)` \| ", section, re.MULTILINE)
    assert sorted(rows) == sorted(REGISTRY)


def test_every_code_of_the_api_is_explained_once() -> None:
    found = re.findall(r"^\| (\d{5}) \| `([a-z_-]+)` \|", read("callbacks.md"), re.MULTILINE)
    assert {slug: int(code) for code, slug in found} == CODES
    assert len(found) == len(CODES)


def test_every_state_and_reason_of_a_callback_is_explained() -> None:
    page = read("callbacks.md")
    assert [word.value for word in (*State, *Reason) if f"`{word.value}`" not in page] == []


def test_every_property_of_a_callback_service_is_there_with_its_default() -> None:
    found = dict(re.findall(r"^\| `(_[a-z_]+)` \| `?([^|`]*?)`? \|", read("callbacks.md"), re.MULTILINE))
    defaults = {
        f"_{name}": str(value).lower() if isinstance(value, bool) else str(value) or "empty"
        for name in CallbackSettings.__struct_fields__
        for value in [getattr(CallbackSettings(), name)]
    }
    assert found == defaults


def test_every_element_of_the_modules_is_explained_and_no_other() -> None:
    assert set(_ELEMENT.findall(read("applications.md"))) == {element for _, element in ACTIONS}


def test_every_state_of_the_shipped_applications_is_explained() -> None:
    page = read("applications.md")
    for name, document in SHIPPED.items():
        states = re.findall(r'<(?:state|final) id="([a-z]+)"', document)
        assert states
        assert [state for state in states if f"`{state}`" not in page] == [], name


def test_each_cell_of_the_interop_table_names_a_test_and_each_named_test_is_there() -> None:
    text = read("conformance.md")
    named = dict(re.findall(r"^- ([A-Z]\d+): `(\S+::[^`]+)`$", text, re.MULTILINE))
    used = set(re.findall(r"\b[A-Z]\d{1,2}\b", text[: text.index(f"- {next(iter(named))}:")]))
    assert named.keys() == used
    for place in named.values():
        path, _, test = place.partition("::")
        name, _, case = test.rstrip("]").partition("[")
        source = (ROOT / path).read_text(encoding="utf-8")
        assert f"def {name}(" in source, place
        assert f'"{case}": Case(' in source or not case, place
    cases = (ROOT / "tests/interop/test_sipp_dialogs.py").read_text(encoding="utf-8")
    listed = {place.partition("[")[2].rstrip("]") for place in named.values() if "[" in place}
    assert listed == set(re.findall(r'^    "(.+)": Case\(', cases, re.MULTILINE))
