"""What the scripts of this folder share: PJSIP in one thread, without a sound card.

Each script runs in a process of its own, with this folder at the head of its path.
"""

import time
from collections.abc import Callable

import pjsua2 as pj


def started(address: str) -> pj.Endpoint:
    """The library, with UDP at an address. Accounts and calls must be gone before `libDestroy`."""
    endpoint = pj.Endpoint()
    endpoint.libCreate()
    config = pj.EpConfig()
    config.uaConfig.threadCnt = 0
    config.uaConfig.mainThreadOnly = True
    config.uaConfig.maxCalls = 16
    config.logConfig.level = config.logConfig.consoleLevel = 0
    endpoint.libInit(config)
    transport = pj.TransportConfig()
    transport.boundAddress = address
    endpoint.transportCreate(pj.PJSIP_TRANSPORT_UDP, transport)
    endpoint.libStart()
    endpoint.audDevManager().setNullDev()
    return endpoint


def identity(user: str, domain: str, password: str, proxy: str, address: str) -> pj.AccountConfig:
    """Who registers at a domain through the platform at `proxy`, and hears at `address`."""
    config = pj.AccountConfig()
    config.idUri = f"sip:{user}@{domain}"
    config.regConfig.registrarUri = f"sip:{domain}"
    config.sipConfig.authCreds.append(pj.AuthCredInfo("digest", "*", user, 0, password))
    config.sipConfig.proxies.append(f"sip:{proxy}:5060;lr")
    config.mediaConfig.transportConfig.boundAddress = address
    return config


def until(endpoint: pj.Endpoint, done: Callable[[], bool], limit_s: float) -> bool:
    """Let the library work until something is so; False when it does not come about."""
    end = time.monotonic() + limit_s
    while not done():
        if time.monotonic() > end:
            return False
        endpoint.libHandleEvents(10)
    return True
