"""What a scenario test has: the platform's world, a carrier, and the phones of two agents."""

from dataclasses import dataclass

from ringback.testing.check_world import World
from ringback.testing.phone import Phone, PhoneCarrier


@dataclass(frozen=True, slots=True)
class Scene:
    """``first`` is the phone of agent check-1, ``second`` of check-2; neither is registered yet."""

    world: World
    carrier: PhoneCarrier
    first: Phone
    second: Phone
