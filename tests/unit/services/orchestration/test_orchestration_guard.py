"""Who may command sessions at 9098: the machine itself, and the platform's own services."""

from types import SimpleNamespace
from typing import Any

import pytest

from ringback.runtime.http import CLUSTER_HEADER, HttpError
from ringback.services.orchestration.http import ControlHttp

SECRET = "between-the-services"


async def command(peer: str, header: str | None, secret: str = SECRET) -> Any:
    async def handler(_request: Any) -> str:
        return "done"

    control = ControlHttp(SimpleNamespace(common=SimpleNamespace(cluster_secret=secret)), None)  # type: ignore[arg-type]
    headers = {} if header is None else {CLUSTER_HEADER: header}
    return await control._guarded(handler)(SimpleNamespace(peer=peer, headers=headers))


@pytest.mark.parametrize(
    ("peer", "header"), [("127.0.0.1", None), ("::1", None), ("10.0.0.7", SECRET), ("2001:db8::1", SECRET)]
)
async def test_the_machine_itself_and_who_knows_the_secret_may(peer: str, header: str | None) -> None:
    assert await command(peer, header) == "done"


@pytest.mark.parametrize("header", [None, "", "between", SECRET + "x"])
async def test_from_elsewhere_nobody_may_without_it(header: str | None) -> None:
    with pytest.raises(HttpError) as refused:
        await command("10.0.0.7", header)
    assert (refused.value.status, refused.value.slug) == (401, "no_cluster_secret")
