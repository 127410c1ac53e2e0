from types import SimpleNamespace

from ringback.media.port import Pacer


class MovableLoop:
    """A loop whose clock the test moves; `run` fires the timer that is due, `late` seconds too late."""

    def __init__(self):
        self.now, self.armed = 100.0, None

    def time(self):
        return self.now

    def call_at(self, when, callback):
        self.armed = SimpleNamespace(when=when, callback=callback, cancel=self.disarm)
        return self.armed

    def disarm(self):
        self.armed = None

    def run(self, late=0.0):
        due, self.armed = self.armed, None
        self.now = max(self.now, due.when + late)
        due.callback()


class Port:
    def __init__(self, pacer=None, loop=None, takes=0.0):
        self.sent, self.pacer, self.loop, self.takes = 0, pacer, loop, takes

    def send_next(self):
        self.sent += 1
        if self.loop is not None:
            self.loop.now += self.takes
        if self.pacer is not None:
            self.pacer.remove(self)


def test_every_port_sends_once_each_20_milliseconds_without_drift():
    loop = MovableLoop()
    pacer, ports = Pacer(loop), [Port(), Port()]
    for port in ports:
        pacer.add(port)
    for _ in range(50):
        loop.run(late=0.003)
    assert [port.sent for port in ports] == [50, 50]
    assert abs(loop.armed.when - (100.0 + 51 * 0.02)) < 1e-6


def test_a_stall_is_caught_up_but_not_a_long_one():
    loop, port = MovableLoop(), Port()
    pacer = Pacer(loop)
    pacer.add(port)
    loop.run(late=0.105)
    assert port.sent == 6
    loop.run()
    assert port.sent == 7
    loop.run(late=5.0)
    assert port.sent == 7 + 11


def test_a_process_that_is_often_late_but_has_room_still_sends_everything():
    loop, port = MovableLoop(), Port()
    pacer = Pacer(loop)
    pacer.add(port)
    for _ in range(10):
        loop.run(late=0.105)
    assert port.sent == 60


def test_a_process_that_is_full_does_not_pile_up_work():
    loop = MovableLoop()
    pacer, port = Pacer(loop), Port(loop=loop, takes=0.05)
    pacer.add(port)
    for _ in range(10):
        loop.run()
    assert port.sent == 10


def test_a_port_that_closes_while_it_sends_is_left_out_and_the_clock_stops_with_the_last():
    loop = MovableLoop()
    pacer = Pacer(loop)
    port = Port(pacer)
    pacer.add(port)
    loop.run()
    assert port.sent == 1
    assert loop.armed is None
    pacer.add(port)
    assert loop.armed is not None


def test_ticks_are_whole_multiples_of_20_milliseconds_whenever_the_first_port_came():
    loop = MovableLoop()
    loop.now = 100.0131
    pacer = Pacer(loop)
    pacer.add(Port())
    assert abs(loop.armed.when - 100.02) < 1e-6
    loop.run(late=0.003)
    assert abs(loop.armed.when - 100.04) < 1e-6
