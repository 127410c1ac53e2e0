"""Which migrations are due in which phase of an upgrade."""

import pytest

from ringback.runtime.migrate import Migration, MigrationError, due


def waiting(*names: str, service: str = "tenant") -> list[Migration]:
    return [Migration(service, f"{name}_x.sql", name.partition("_")[2], "") for name in names]


def files(found: list[Migration]) -> list[str]:
    return [each.file for each in found]


def test_each_phase_runs_its_own() -> None:
    both = waiting("0004_pre", "0005_post")
    assert files(due(both, ("pre",))) == ["0004_pre_x.sql"]
    assert files(due(both[1:], ("post",))) == ["0005_post_x.sql"]
    assert due(both, ("pre", "post")) == both


@pytest.mark.parametrize(
    ("names", "phase"), [(("0005_post", "0006_pre"), "pre"), (("0004_pre", "0005_post"), "post")]
)
def test_nothing_runs_before_what_it_stands_on(names: tuple[str, ...], phase: str) -> None:
    with pytest.raises(MigrationError, match=f"{names[1]}.* comes after {names[0]}"):
        due(waiting(*names), (phase,))


def test_services_do_not_wait_for_one_another() -> None:
    found = waiting("0005_post") + waiting("0001_pre", service="auth")
    assert files(due(found, ("pre",))) == ["0001_pre_x.sql"]
