from ringback.domain.numbers import Refusal
from ringback.services.engagement.envelope import CODES


def test_every_code_means_one_thing_and_begins_with_its_http_status() -> None:
    assert len(set(CODES.values())) == len(CODES)
    assert {code // 100 for code in CODES.values()} <= {400, 401, 403, 404, 405, 422, 429, 500, 503}


def test_every_refusal_of_a_number_has_a_code() -> None:
    assert {refusal.value for refusal in Refusal} <= CODES.keys()
