"""Call-in: a number to dial, and the customer recognised."""

import asyncio
from typing import Any

import msgspec
import pytest

from ringback.runtime.http import HttpClient, HttpFailure

BY_CODE = {"numbers": ["+12025550111", "+12025550112"], "code_length": 6, "expiry_s": 600}
BY_NUMBER = {"numbers": ["8600"], "expiry_s": 120, "default_country": "GB"}


@pytest.fixture(autouse=True)
async def groups(world: Any) -> None:
    for name, group in (("codes", BY_CODE), ("plain", BY_NUMBER)):
        await put_group(world, name, group)


async def put_group(world: Any, name: str, group: object) -> None:
    client = HttpClient(world.context, "engagement")
    path = f"/internal/call-in-groups/demo/{name}"
    await client.request("PUT", path, msgspec.json.encode(group))


async def create(world: Any, group: str, **fields: object) -> tuple[int, Any]:
    body = {"groupName": group, **fields}
    status, envelope = await world.api("POST", "call-in/requests/create", body)
    return status, envelope.get("data", envelope["status"]["code"])


async def match(world: Any, to: str, tenant: str = "demo", **fields: object) -> dict[str, Any]:
    client = HttpClient(world.context, "engagement")
    found: dict[str, Any] = await client.post(f"/internal/call-ins/{tenant}/match", {"to": to, **fields})
    return found


async def test_a_request_is_answered_with_number_code_and_expiry(world: Any) -> None:
    before = int(world.now())
    status, made = await create(world, "codes", fromPhoneNumber="+12025550123")
    assert status == 200
    assert made["toPhoneNumber"] in BY_CODE["numbers"]
    assert made["groupName"] == "codes"
    assert 100_000 <= made["accessCode"] <= 999_999
    assert before + 600 <= made["expirationTime"] <= before + 601
    assert made["fromPhoneNumber"] == "+12025550123"
    assert "callbackServiceId" not in made


async def test_the_caller_with_the_code_is_matched_once_with_the_user_data(world: Any) -> None:
    _, made = await create(world, "codes", userData={"order": 7, "no identifier": 1})
    code = str(made["accessCode"])
    found = await match(world, made["toPhoneNumber"], code=code, from_number="+12025550199")
    assert found == {"matched": True, "id": made["id"], "group": "codes", "user_data": {"order": 7}}
    again = await match(world, made["toPhoneNumber"], code=code)
    assert again == {"matched": False, "reason": "no-request", "code_length": 6}


async def test_a_call_asked_for_twice_gets_the_same_answer(world: Any) -> None:
    _, made = await create(world, "codes")
    asked = {"code": str(made["accessCode"]), "call_id": "call-1"}
    first = await match(world, made["toPhoneNumber"], **asked)
    assert first["matched"]
    assert await match(world, made["toPhoneNumber"], **asked) == first


async def test_without_codes_the_caller_is_known_by_the_number_however_it_is_written(world: Any) -> None:
    _, made = await create(world, "plain", phoneNumber="020 7946 0123", userData={"a": 1})
    assert made["fromPhoneNumber"] == "+442079460123"
    assert "accessCode" not in made
    assert not (await match(world, "8600", from_number="+442079460124"))["matched"]
    found = await match(world, "8600", from_number="02079460123")
    assert (found["id"], found["user_data"]) == (made["id"], {"a": 1})


async def test_of_two_requests_of_one_caller_the_newer_is_matched_first(world: Any) -> None:
    first = (await create(world, "plain", fromPhoneNumber="+442079460123"))[1]["id"]
    second = (await create(world, "plain", fromPhoneNumber="+442079460123"))[1]["id"]
    ids = [(await match(world, "8600", from_number="+442079460123"))["id"] for _ in range(2)]
    assert ids == [second, first]


async def test_a_request_with_a_code_is_not_given_to_the_number_alone(world: Any) -> None:
    _, made = await create(world, "codes", fromPhoneNumber="+12025550123")
    found = await match(world, made["toPhoneNumber"], from_number="+12025550123")
    assert found == {"matched": False, "reason": "code-needed", "code_length": 6}


async def test_a_number_of_no_group_matches_nothing(world: Any) -> None:
    assert (await match(world, "9999"))["reason"] == "number-unknown"
    assert (await match(world, "8600", tenant="other"))["reason"] == "number-unknown"


async def test_a_request_is_over_when_its_time_is(world: Any) -> None:
    _, made = await create(world, "codes")
    world.move_clock(600.0)
    assert not (await match(world, made["toPhoneNumber"], code=str(made["accessCode"])))["matched"]
    client = HttpClient(world.context, "engagement")
    shown = await client.get("/internal/call-ins/demo")
    assert [(each["id"], each["state"]) for each in shown] == [(made["id"], "EXPIRED")]


async def test_one_of_many_calls_with_the_same_code_gets_through(world: Any) -> None:
    _, made = await create(world, "codes")
    code = str(made["accessCode"])
    found = await asyncio.gather(
        *[match(world, made["toPhoneNumber"], code=code, call_id=f"c{n}") for n in range(10)]
    )
    assert sum(each["matched"] for each in found) == 1


async def test_a_code_stands_for_one_waiting_request(world: Any) -> None:
    await put_group(world, "codes", {**BY_CODE, "code_length": 3})
    made = [await create(world, "codes") for _ in range(60)]
    codes = [data["accessCode"] for status, data in made if status == 200]
    assert len(codes) == len(set(codes)) == 60


async def test_a_group_without_a_free_code_says_so(world: Any) -> None:
    await put_group(world, "codes", {**BY_CODE, "code_length": 3})
    fill = (
        "INSERT INTO engagement.callins (id, tenant, group_name, to_number, code, user_data, created_at,"
        " expires_at) SELECT gen_random_uuid(), 'demo', 'codes', 'x', n::text, '{}', now(),"
        " now() + interval '1 hour' FROM generate_series(100, 999) n RETURNING 1"
    )
    assert len(await world.query(fill)) == 900
    assert await create(world, "codes") == (503, 50353)
    world.move_clock(3601.0)
    assert (await create(world, "codes"))[0] == 200, "codes of requests that are over are free again"


async def test_a_callback_of_the_tenant_can_be_named(world: Any) -> None:
    callback = await world.book()
    _, made = await create(world, "codes", callbackServiceId=callback)
    assert made["callbackServiceId"] == callback
    found = await match(world, made["toPhoneNumber"], code=str(made["accessCode"]))
    assert found["callback_id"] == callback


@pytest.mark.parametrize(
    ("group", "fields", "code"),
    [
        ("nowhere", {}, 40056),
        ("no\0where", {}, 40056),
        ("plain", {}, 40013),
        ("plain", {"fromPhoneNumber": "nonsense"}, 40014),
        ("codes", {"fromPhoneNumber": "+1"}, 40014),
        ("codes", {"callbackServiceId": "00000000-0000-4000-8000-000000000000"}, 40057),
        ("codes", {"callbackServiceId": "x"}, 40002),
        ("codes", {"userData": []}, 40002),
    ],
)
async def test_what_cannot_be_is_refused(world: Any, group: str, fields: Any, code: int) -> None:
    assert await create(world, group, **fields) == (400, code)


@pytest.mark.parametrize("wrong", [{"numbers": []}, {"code_length": 2}, {"expiry_s": 1}, {"expiry_s": 10**9}])
async def test_a_group_that_cannot_be_is_refused(world: Any, wrong: dict[str, object]) -> None:
    with pytest.raises(HttpFailure) as failure:
        await put_group(world, "codes", {**BY_CODE, **wrong})
    assert failure.value.status == 400


async def test_groups_are_listed_and_deleted(world: Any) -> None:
    client = HttpClient(world.context, "engagement")
    assert sorted(await client.get("/internal/call-in-groups/demo")) == ["codes", "plain"]
    await client.request("DELETE", "/internal/call-in-groups/demo/plain")
    assert await create(world, "plain", fromPhoneNumber="+442079460123") == (400, 40056)
    with pytest.raises(HttpFailure):
        await client.request("DELETE", "/internal/call-in-groups/demo/plain")


async def test_user_data_and_codes_are_in_no_log(world: Any, capfd: pytest.CaptureFixture[str]) -> None:
    _, made = await create(world, "codes", userData={"note": "planted"})
    await match(world, made["toPhoneNumber"], code=str(made["accessCode"]))
    out, err = capfd.readouterr()
    assert "planted" not in out + err
    assert str(made["accessCode"]) not in out + err


async def test_requests_are_counted(world: Any) -> None:
    await create(world, "codes")
    async with world.context.http_session().get(f"{world.base}/metrics") as reply:
        assert "ges_callin_created 1.0" in await reply.text()


LIMITED = {"numbers": ["8700"], "code_length": 4, "wrong_by_caller": 3, "wrong_in_all": 6, "lock_s": 60}
CALLER = "+12025550123"


async def reasons(world: Any, times: int, caller: str = CALLER) -> list[str]:
    return [(await match(world, "8700", code="0000", from_number=caller))["reason"] for _ in range(times)]


async def test_a_caller_with_too_many_wrong_codes_is_locked_out_for_a_while(world: Any) -> None:
    await put_group(world, "limited", LIMITED)
    _, made = await create(world, "limited")
    assert await reasons(world, 4) == ["no-request"] * 3 + ["locked"]
    right = str(made["accessCode"])
    found = await match(world, "8700", code=right, from_number=CALLER)
    assert found["reason"] == "locked", "the right code does not help either"
    assert (await match(world, "8700", code=right, from_number="+12025550124"))["matched"] is True
    world.move_clock(61)
    _, made = await create(world, "limited")
    assert (await match(world, "8700", code=str(made["accessCode"]), from_number=CALLER))["matched"] is True


async def test_wrong_codes_of_many_callers_lock_the_group(world: Any) -> None:
    await put_group(world, "limited", LIMITED)
    for number in range(6):
        assert await reasons(world, 1, f"+1202555014{number}") == ["no-request"]
    assert await reasons(world, 1, "+12025550150") == ["locked"]
    _, made = await create(world, "codes")
    found = await match(
        world, made["toPhoneNumber"], code=str(made["accessCode"]), from_number="+12025550150"
    )
    assert found["matched"] is True, "another group is not locked"


async def test_a_right_code_forgives_the_callers_wrong_ones(world: Any) -> None:
    await put_group(world, "limited", LIMITED)
    for _ in range(2):
        _, made = await create(world, "limited")
        assert await reasons(world, 2) == ["no-request"] * 2
        assert (await match(world, "8700", code=str(made["accessCode"]), from_number=CALLER))[
            "matched"
        ] is True


async def test_wrong_codes_tried_at_once_are_all_counted(world: Any) -> None:
    await put_group(world, "limited", LIMITED)
    tried = await asyncio.gather(*[reasons(world, 1) for _ in range(10)])
    assert sorted(each[0] for each in tried) == ["locked"] * 7 + ["no-request"] * 3


async def test_the_counts_hold_no_number(world: Any) -> None:
    await put_group(world, "limited", LIMITED)
    await reasons(world, 1)
    rows = await world.query("SELECT * FROM engagement.callin_wrong")
    assert len(rows) == 2
    assert "2025550123" not in str(rows)


async def test_the_call_gets_the_place_of_the_callback_that_the_request_names(world: Any) -> None:
    callback = await world.book()
    entry = await world.entry(callback)
    _, made = await create(world, "codes", callbackServiceId=callback)
    call = {"code": str(made["accessCode"]), "call_id": "call-1"}
    found = await match(world, made["toPhoneNumber"], **call)
    assert found["callback_id"] == callback
    assert found["arrived_at"] == pytest.approx(float(entry["arrival_time"]), abs=0.001)
    assert (await world.retrieve(callback))["callbackReason"] == "CUSTOMER_CALLED_IN"
    assert await match(world, made["toPhoneNumber"], **call) == found, "asked again for the same call"
    assert (await world.step(callback, 1, "DIALLING"))["go_on"] is False
