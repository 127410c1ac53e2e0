"""Requests that nobody sends by mistake."""

from typing import Any

import pytest

GOOD = b'{"serviceName":"sales","phoneNumber":"+12025550123"'


@pytest.mark.parametrize(
    ("rest", "statuses"),
    [
        (b',"serviceName":"sa\\u0000les"}', {400}),
        (b',"phoneNumber":"+1202555\\u00000123"}', {200, 400}),
        (b',"userData":{"a":"\\u0000","b":"\\ud83d\\ude00"}}', {200}),
        (b',"userData":{"a":"\\ud800"}}', {200, 400}),
        (b',"language":"\\u0000"}', {200}),
        (b',"priority":1e999}', {400}),
        (b',"priority":-1e-999}', {200}),
        (b',"priority":NaN}', {400}),
        (b',"desiredTime":"0001-01-01T00:00:00+14:00"}', {400}),
        (b',"desiredTime":"2026-11-21T22:00:00.123456789123456789Z"}', {400}),
        (b',"userData":{"a":' + b"[" * 20_000 + b"]" * 20_000 + b"}}", {400}),
        (b',"userData":{"__proto__":{"x":1},"constructor":1}}', {200}),
        (b',"offerThreshold":"1; DROP TABLE engagement.callbacks"}', {400}),
        (b"} trailing", {400}),
    ],
)
async def test_a_hostile_body_is_taken_or_refused_but_never_a_fault(
    world: Any, rest: bytes, statuses: set[int]
) -> None:
    status, envelope = await world.api("POST", "callbacks/create", GOOD + rest)
    assert status in statuses, envelope
    if status == 200:
        await world.entry(envelope["data"]["id"])


async def test_bytes_in_headers_are_no_fault(world: Any) -> None:
    body = {"serviceName": "sales", "phoneNumber": "+12025550123"}
    status, _ = await world.api("POST", "callbacks/create", body, key="caf\u00e9\udcff")
    assert status in {400, 401}
    status, _ = await world.api("POST", "callbacks/create", body, Idempotency_Key="caf\u00e9")
    assert status == 400


@pytest.mark.parametrize("path", ["callbacks/queue-status/%00", "callbacks/queue-status/..%2f..%2fetc"])
async def test_strange_paths_are_no_fault(world: Any, path: str) -> None:
    status, _ = await world.api("GET", path)
    assert status in {400, 404}
