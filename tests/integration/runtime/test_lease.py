from typing import Any

from ringback.contracts.telephony import SipNode
from ringback.runtime.context import Process
from ringback.runtime.directory import announce, list_nodes, withdraw
from ringback.runtime.lease import Lease


async def test_a_lease_has_one_owner(process: Process) -> None:
    ours, theirs = (Lease(process.valkey, "{t}:l", owner, 10) for owner in ("a", "b"))
    assert await ours.acquire()
    assert not await theirs.acquire()
    assert not await theirs.renew()
    assert not await theirs.release()
    assert await ours.release()
    assert await theirs.acquire()


async def test_a_lease_that_ran_out_is_free(process: Process) -> None:
    ours, theirs = (Lease(process.valkey, "{t}:l", owner, 10) for owner in ("a", "b"))
    await ours.acquire()
    await process.valkey.call("PEXPIRE", "{t}:l", 0)
    assert await theirs.acquire()
    assert not await ours.renew()


async def test_a_directory_forgets_a_node_that_is_not_announced(process: Process) -> None:
    for name in ("m1", "m2"):
        node = SipNode(node=name, sip_host="127.0.0.1", sip_port=5072)
        await announce(process.valkey, "media", name, node, 10)
    await process.valkey.call("PEXPIRE", "ringback:nodes:media:m1", 0)
    assert list(await list_nodes(process.valkey, "media", SipNode)) == ["m2"]
    await withdraw(process.valkey, "media", "m2")
    assert await list_nodes(process.valkey, "media", SipNode) == {}


async def test_a_node_that_announces_itself_while_it_is_being_forgotten_stays(process: Process) -> None:
    node = SipNode(node="m1", sip_host="127.0.0.1", sip_port=5072)

    class Late:
        """The announcement comes between the look and the forgetting."""

        async def call(self, *command: Any) -> Any:
            found = await process.valkey.call(*command)
            if command[0] == "MGET":
                await announce(process.valkey, "media", "m1", node, 10)
            return found

        async def script(self, *given: Any) -> Any:
            return await process.valkey.script(*given)

    await process.valkey.call("SADD", "ringback:nodes:media", "m1")
    late: Any = Late()
    assert await list_nodes(late, "media", SipNode) == {}
    assert list(await list_nodes(process.valkey, "media", SipNode)) == ["m1"]
