"""Whatever document the schema lets pass, a dialog only ever waits or ends."""

import random

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.vxml.world import World, page

from ringback.vxml import Collected, Failed, HungUp, Limits, Recorded, Transferred
from ringback.vxml.schema import ANYTHING, RULES

VALUES = {
    "count": ("1", "2"),
    "dest": ("tel:1",),
    "dtmf": ("1", "2", "3"),
    "event": ("help", "my.event", "error", "noinput"),
    "item": ("i",),
    "mode": ("dtmf",),
    "name": ("a", "b", "c"),
    "namelist": ("a", "a b"),
    "next": ("#f", "#g", "main.vxml", "none.vxml"),
    "nextitem": ("a", "b"),
    "src": ("#f", "lib.js", "none.vxml", "d.json"),
    "type": ("boolean", "digits", "fruit"),
    "version": ("2.1",),
}
EXPRESSIONS = ("1", "'a'", "a", "b + 1", "[1, 2]", "undefined", "nosuch", "a == 1", "{", "true", "'#f'")
LIMITS = Limits(steps=400, fetches=5, plays=5, subdialogs=3, prompts=50, script_seconds=0.1)


def element(name: str, chance: random.Random, depth: int) -> str:
    """A random element of this name that keeps to its rule."""
    rule = RULES[name]
    given = [*rule.needs, *(chance.choice(group) for group in rule.one_of)]
    given += [chance.choice(group) for group in rule.one_at_most if chance.random() < 0.5]
    given += [each for each in ("cond", "name", "count") if chance.random() < 0.15]
    if name in ("field", "record", "subdialog", "transfer", "var"):
        given.append("type" if name == "field" else "name")
    attributes = "".join(
        f' {each}="{chance.choice(VALUES.get(each, EXPRESSIONS))}"' for each in dict.fromkeys(given)
    )
    inside = ["a == 1;" if name == "script" else "text"] if chance.random() < 0.3 else []
    names = sorted(rule.children - {"grammar"} - ANYTHING)
    if depth < 6 and names:
        inside += [element(chance.choice(names), chance, depth + 1) for _ in range(chance.randrange(4))]
    return f"<{name}{attributes}>{''.join(inside)}</{name}>"


def document(seed: int) -> str:
    """A random document with a form `f` and a menu `g`."""
    chance = random.Random(seed)
    top = [element(chance.choice(["catch", "var", "link", "script"]), chance, 3) for _ in range(2)]
    items = sorted(RULES["form"].children - {"grammar"})
    form = "".join(element(chance.choice(items), chance, 1) for _ in range(chance.randrange(1, 6)))
    choices = "".join(element("choice", chance, 5) for _ in range(2))
    return page("".join(top) + f'<form id="f">{form}</form><menu id="g" dtmf="true">{choices}</menu>')


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 1_000_000), st.lists(st.sampled_from(["1", "2", "", "#", "77"]), max_size=4))
def test_a_random_document_never_breaks_the_interpreter(seed: int, keys: list[str]) -> None:
    pages = {"main.vxml": document(seed), "lib.js": "var c = 1;", "d.json": "[1]"}
    world = World(pages, keys, limits=LIMITS)
    for _ in range(3):
        wait = world.dialog.waiting
        if wait is None:
            break
        asked = {each.number for each in (*world.fetches, *world.collects, *world.asked)}
        assert wait.number in asked, "what is waited for was asked for"
        world.feed(
            {
                "collect": Collected(wait.number, "1"),
                "record": Recorded(wait.number, {"r": 1}, 1.0),
                "transfer": Transferred(wait.number, "busy"),
            }.get(wait.kind, Failed(wait.number, "error.noresource"))
        )
    world.feed(HungUp())
    assert world.dialog.ended or world.dialog.waiting is not None
    assert (world.exited is not None) == world.dialog.ended
