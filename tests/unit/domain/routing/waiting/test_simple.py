"""The simple predictions, worked out by hand."""

from ringback.domain.routing.waiting.simple import NAMES, SimpleQueue


def told(queue: SimpleQueue, present: int, position: int, now: float) -> dict[str, float | None]:
    return dict(zip(NAMES, queue.predict(present, position, now), strict=True))


def test_nothing_is_known_of_a_new_queue() -> None:
    assert set(told(SimpleQueue(), 0, 1, 0.0).values()) == {None}


def test_each_says_what_its_name_says() -> None:
    queue = SimpleQueue(constant=42.0)
    for call in range(4):
        queue.enter(call, 100.0 + call)
    for call, left in ((0, 110.0), (1, 130.0)):
        queue.leave(call, left, served=True)
        queue.enter_service(left - 100.0 - call)
    queue.finish(60.0)
    queue.finish(180.0)
    assert told(queue, 4, 3, 150.0) == {
        "constant": 42.0,
        "last-to-enter-service": 29.0,
        "head-of-line": 48.0,
        "mean of last 10": 19.5,
        "by queue length": 90.0,
        "urs": 45.0,
        "urs2": 90.0,
    }


def test_with_nobody_in_line_the_head_is_the_last_who_entered_service() -> None:
    queue = SimpleQueue()
    queue.enter_service(7.0)
    assert told(queue, 1, 1, 50.0)["head-of-line"] == 7.0
