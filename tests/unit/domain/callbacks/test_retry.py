import pytest

from ringback.domain.callbacks import DialResult, RetryPolicy, dial_result_of_sip
from ringback.domain.callbacks.retry import REACTIONS


def test_every_dial_result_has_a_reaction() -> None:
    assert set(REACTIONS) == set(DialResult)


def test_the_allowed_number_of_dials_is_not_passed() -> None:
    policy = RetryPolicy(max_dials=2, delay=60)
    assert policy.next_dial(DialResult.BUSY, dials=1, now=1000) == 1060
    assert policy.next_dial(DialResult.BUSY, dials=2, now=1000) is None


@pytest.mark.parametrize(
    ("status", "result"),
    [
        (200, DialResult.PERSON),
        (486, DialResult.BUSY),
        (600, DialResult.BUSY),
        (480, DialResult.NO_ANSWER),
        (487, DialResult.NO_ANSWER),
        (404, DialResult.ERROR_TONE),
        (503, DialResult.CREATE_CALL_ERROR),
        (488, DialResult.UNKNOWN),
    ],
)
def test_a_final_sip_response_says_how_the_dial_ended(status: int, result: DialResult) -> None:
    assert dial_result_of_sip(status) is result
