"""A picture of campaigns is kept for a moment, but never over a command."""

import asyncio

from ringback.contracts.campaigns import CampaignPictures
from ringback.services.tenant.campaigns.pictures import Pictures


class Gathered:
    """Pictures made one after the other; while `held` they are not ready."""

    def __init__(self) -> None:
        self.number = 0
        self.ready = asyncio.Event()
        self.ready.set()

    async def __call__(self) -> CampaignPictures:
        self.number += 1
        picture = CampaignPictures(at=100.0, campaigns=[])
        await self.ready.wait()
        return picture


async def test_a_picture_is_shown_to_all_who_look_until_it_is_old() -> None:
    pictures, gather = Pictures(), Gathered()
    first = await pictures.look(100.0, gather)
    assert await pictures.look(101.4, gather) is first
    assert await pictures.look(101.6, gather) is not first
    assert gather.number == 2


async def test_a_command_makes_the_picture_untrue() -> None:
    pictures, gather = Pictures(), Gathered()
    first = await pictures.look(100.0, gather)
    pictures.forget()
    assert await pictures.look(100.0, gather) is not first


async def test_a_picture_gathered_while_a_command_is_committed_is_not_kept() -> None:
    pictures, gather = Pictures(), Gathered()
    gather.ready.clear()
    looking = asyncio.create_task(pictures.look(100.0, gather))
    await asyncio.sleep(0)
    pictures.forget()
    gather.ready.set()
    old = await looking
    assert await pictures.look(100.0, gather) is not old
    assert gather.number == 2
