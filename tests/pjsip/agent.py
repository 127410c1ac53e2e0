"""A PJSIP phone in a process of its own: registers, calls, hangs up, leaves; prints what happens as it does.

Arguments: host of the proxy, user, password, URI to dial.
"""

import sys

import pjsua2 as pj
from library import identity, started, until

ADDRESS, LIMIT_S = "127.0.0.1", 25.0


class Account(pj.Account):  # type: ignore[misc]
    def __init__(self) -> None:
        super().__init__()
        self.codes: list[int] = []

    def onRegState(self, parameter: pj.OnRegStateParam) -> None:
        print("registration", parameter.code, flush=True)
        self.codes.append(parameter.code)


def work(endpoint: pj.Endpoint, host: str, user: str, password: str, dialled: str) -> None:
    account = Account()
    account.create(identity(user, host, password, host, ADDRESS))
    until(endpoint, lambda: bool(account.codes), LIMIT_S)
    talk(endpoint, account, dialled)
    account.codes.clear()
    account.setRegistration(False)
    until(endpoint, lambda: bool(account.codes), LIMIT_S)
    account.shutdown()


def talk(endpoint: pj.Endpoint, account: Account, dialled: str) -> None:
    call = pj.Call(account)
    call.makeCall(dialled, pj.CallOpParam(True))
    ends = (pj.PJSIP_INV_STATE_CONFIRMED, pj.PJSIP_INV_STATE_DISCONNECTED)
    until(endpoint, lambda: call.getInfo().state in ends, LIMIT_S)
    print("call", call.getInfo().stateText, flush=True)
    call.hangup(pj.CallOpParam())
    until(endpoint, lambda: call.getInfo().state == pj.PJSIP_INV_STATE_DISCONNECTED, LIMIT_S)
    print("call", call.getInfo().stateText, flush=True)


if __name__ == "__main__":
    running = started(ADDRESS)
    # Accounts and calls must be gone before the library is.
    work(running, *sys.argv[1:])
    running.libDestroy()
