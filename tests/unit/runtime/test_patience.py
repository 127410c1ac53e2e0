"""What must be stored waits for a store that is away."""

import pytest

from ringback.runtime.patience import until_stored
from ringback.runtime.valkey import ValkeyError, ValkeyUnavailable


async def test_it_is_done_again_until_the_store_takes_it() -> None:
    faults: list[Exception] = [ValkeyUnavailable("away"), ValkeyError("LOADING")]

    async def work() -> str:
        if faults:
            raise faults.pop(0)
        return "stored"

    assert await until_stored(work, 0.0) == "stored"


async def test_a_fault_of_another_kind_is_nobodys_to_wait_for() -> None:
    async def work() -> None:
        raise KeyError("ours")

    with pytest.raises(KeyError):
        await until_stored(work, 0.0)
