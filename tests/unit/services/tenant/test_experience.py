"""What the prediction has learned is saved in pieces between which others have their turn."""

import asyncio
from typing import Any

from ringback.domain.routing.waiting import Experience
from ringback.services.tenant.experience import ExperienceStore


class Store:
    """A context whose Valkey keeps one hash, and fails when it is told to."""

    def __init__(self) -> None:
        self.valkey = self
        self.log = None
        self.fields: dict[str, bytes] = {}
        self.commands = 0
        self.away = False

    async def call(self, name: str, key: str, *fields: Any) -> None:
        self.commands += 1
        if self.away:
            raise ConnectionError
        self.fields |= dict(zip(fields[::2], fields[1::2], strict=True))


def learned(queues: int) -> Experience:
    experience = Experience()
    for number in range(queues):
        experience.predictor.floor.line(f"VQ{number}", 0).queue.served = 1
    return experience


async def test_others_have_their_turn_between_two_queues() -> None:
    store, turns = Store(), 0

    async def others() -> None:
        nonlocal turns
        while len(store.fields) < 121:
            turns += 1
            await asyncio.sleep(0)

    beside = asyncio.create_task(others())
    await ExperienceStore(store, "demo").save(learned(120))  # type: ignore[arg-type]
    await beside
    assert turns >= 120
    assert len(store.fields) == 121  # the queues, and what all have taught
    assert store.commands == 3


async def test_what_has_not_changed_is_not_saved_again_and_what_was_lost_is() -> None:
    store, experience = Store(), learned(3)
    experiences = ExperienceStore(store, "demo")  # type: ignore[arg-type]
    store.away = True
    try:
        await experiences.save(experience)
    except ConnectionError:
        store.away = False
    await experiences.save(experience)
    assert len(store.fields) == 4
    store.fields.clear()
    await experiences.save(experience)
    assert not store.fields
    experience.predictor.floor.queues["VQ1"].served += 1
    await experiences.save(experience)
    assert set(store.fields) == {"VQ1", ""}
