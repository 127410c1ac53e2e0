"""Three PJSIP telephones in a process of their own, told what to do line by line on standard input.

Arguments: own address, the platform's address, the domain, the password of all. Each line is a word of
`WORDS`; it prints `done WORD` when that is so, or `late WORD` when it does not come about.
"""

import contextlib
import select
import sys
import time
from collections.abc import Callable

import pjsua2 as pj
from library import identity, started, until

LIMIT_S = 25.0
CONFIRMED, DISCONNECTED = pj.PJSIP_INV_STATE_CONFIRMED, pj.PJSIP_INV_STATE_DISCONNECTED


class Call(pj.Call):  # type: ignore[misc]
    def __init__(self, account: "Account", call_id: int = -1) -> None:
        super().__init__(account, call_id)
        self.transferred = 0
        self.updated = False

    def onCallTransferStatus(self, parameter: pj.OnCallTransferStatusParam) -> None:
        self.transferred = parameter.statusCode

    def onCallTsxState(self, parameter: pj.OnCallTsxStateParam) -> None:
        transaction = parameter.e.body.tsxState.tsx
        ours = transaction.method == "UPDATE" and transaction.role == pj.PJSIP_ROLE_UAC
        self.updated = self.updated or (ours and transaction.statusCode == 200)

    @property
    def up(self) -> bool:
        return bool(self.isActive() and self.getInfo().state == CONFIRMED)

    @property
    def over(self) -> bool:
        return bool(not self.isActive() or self.getInfo().state == DISCONNECTED)

    @property
    def media(self) -> int:
        """The status of the audio: 1 active, 2 held here, 3 held there."""
        info = self.getInfo()  # what is in it lives no longer than itself
        return int(info.media[0].status)


class Account(pj.Account):  # type: ignore[misc]
    def __init__(self) -> None:
        super().__init__()
        self.registered = False
        self.calls: list[Call] = []

    def onRegState(self, parameter: pj.OnRegStateParam) -> None:
        self.registered = parameter.code == 200

    def onIncomingCall(self, parameter: pj.OnIncomingCallParam) -> None:
        call = Call(self, parameter.callId)
        self.calls.append(call)
        answer = pj.CallOpParam()
        answer.statusCode = 180
        call.answer(answer)
        answer.statusCode = 200
        call.answer(answer)


class Phones:
    """1001, 1002 and 1003."""

    def __init__(self, endpoint: pj.Endpoint, own: str, host: str, domain: str, password: str) -> None:
        self.endpoint = endpoint
        self.domain = domain
        self.accounts = {user: self.account(user, own, host, password) for user in ("1001", "1002", "1003")}
        self.dialled: list[Call] = []

    def account(self, user: str, own: str, host: str, password: str) -> Account:
        config = identity(user, self.domain, password, host, own)
        config.callConfig.prackUse = pj.PJSUA_100REL_MANDATORY
        config.callConfig.timerUse = pj.PJSUA_SIP_TIMER_ALWAYS
        account = Account()
        account.create(config)
        return account

    def dial(self, who: str, number: str) -> Call:
        call = Call(self.accounts[who])
        call.makeCall(f"sip:{number}@{self.domain}", pj.CallOpParam(True))
        self.dialled.append(call)
        return call

    # Words

    def register(self) -> Callable[[], bool]:
        return lambda: all(account.registered for account in self.accounts.values())

    def call(self) -> Callable[[], bool]:
        first = self.dial("1001", "1002")
        return lambda: first.up and bool(self.accounts["1002"].calls) and self.accounts["1002"].calls[-1].up

    def announced(self) -> Callable[[], bool]:
        """1001 talks to 1004, which plays something first, and hangs up."""
        call, tried = self.dial("1001", "1004"), [False]

        def over() -> bool:
            if call.up and not tried[0]:
                tried[0] = True
                call.hangup(pj.CallOpParam())
            if tried[0] and call.over:
                self.dialled.clear()
                return True
            return False

        return over

    def hold(self) -> Callable[[], bool]:
        self.dialled[0].setHold(pj.CallOpParam(True))
        return lambda: self.dialled[0].media == pj.PJSUA_CALL_MEDIA_LOCAL_HOLD

    def retrieve(self) -> Callable[[], bool]:
        option = pj.CallOpParam(True)
        option.opt.flag = pj.PJSUA_CALL_UNHOLD
        call = self.dialled[0]
        return again(lambda: call.reinvite(option), lambda: call.media == pj.PJSUA_CALL_MEDIA_ACTIVE)

    def update(self) -> Callable[[], bool]:
        call = self.dialled[0]
        return again(lambda: call.update(pj.CallOpParam(True)), lambda: call.updated and call.up)

    def blind(self) -> Callable[[], bool]:
        """1002 gives 1001 to 1003."""
        second = self.accounts["1002"].calls[-1]
        second.xfer(f"sip:1003@{self.domain}", pj.CallOpParam(True))
        third = self.accounts["1003"]
        return lambda: second.transferred == 200 and second.over and self.dialled[0].up and third.calls[-1].up

    def consult(self) -> Callable[[], bool]:
        """1002 asks 1003 while 1001 waits."""
        self.accounts["1002"].calls[-1].setHold(pj.CallOpParam(True))
        asking, third = self.dial("1002", "1003"), self.accounts["1003"]
        return lambda: asking.up and bool(third.calls) and third.calls[-1].up

    def attended(self) -> Callable[[], bool]:
        """1002 gives 1001 to 1003, to whom it has talked."""
        second, asking = self.accounts["1002"].calls[-1], self.dialled[-1]
        second.xferReplaces(asking, pj.CallOpParam(True))
        third = self.accounts["1003"].calls[-1]
        return lambda: second.over and asking.over and self.dialled[0].up and third.up

    def third_holds(self) -> Callable[[], bool]:
        """1003 holds whom it talks to."""
        third, option = self.accounts["1003"].calls[-1], pj.CallOpParam(True)
        return again(lambda: third.setHold(option), lambda: third.media == pj.PJSUA_CALL_MEDIA_LOCAL_HOLD)

    def leave(self) -> Callable[[], bool]:
        """The third hangs up, and the first is hung up."""
        third, first = self.accounts["1003"].calls[-1], self.dialled[0]
        third.hangup(pj.CallOpParam())

        def over() -> bool:
            if not (third.over and first.over):
                return False
            self.dialled.clear()
            for account in self.accounts.values():
                account.calls.clear()
            return True

        return over

    def unregister(self) -> Callable[[], bool]:
        for account in self.accounts.values():
            account.setRegistration(False)
        return lambda: True

    # The loop

    def run(self) -> None:
        while True:
            word = self.read()
            if not word:
                return
            try:
                done = getattr(self, word)()
            except pj.Error as error:
                print("late", word, error.info(), flush=True)
                return
            print("done" if until(self.endpoint, done, LIMIT_S) else "late", word, flush=True)
            # What it holds goes now: a call that goes later hangs up the next one of its number.
            del done

    def read(self) -> str:
        while not select.select([sys.stdin], [], [], 0)[0]:
            self.endpoint.libHandleEvents(10)
        return sys.stdin.readline().strip()


def again(act: Callable[[], None], done: Callable[[], bool]) -> Callable[[], bool]:
    """Tried once a second: while an offer of the other side is under way the answer is 491."""
    tries = [0.0]

    def looked_at() -> bool:
        if done():
            return True
        if time.monotonic() - tries[-1] > 1.0:
            tries.append(time.monotonic())
            with contextlib.suppress(pj.Error):
                act()
        return False

    return looked_at


def work(endpoint: pj.Endpoint, arguments: list[str]) -> None:
    phones = Phones(endpoint, *arguments)
    phones.run()
    for account in phones.accounts.values():
        account.shutdown()


if __name__ == "__main__":
    running = started(sys.argv[1])
    for codec in running.codecEnum2():
        running.codecSetPriority(codec.codecId, 255 if codec.codecId.startswith("PCMU") else 0)
    # Accounts and calls must be gone before the library is.
    work(running, sys.argv[1:])
    running.libDestroy()
