"""`ringback campaign compare`."""

import json

import pytest

from ringback.commands.campaign_compare import compare
from ringback.domain.campaigns.simulation import World


def test_each_way_of_dialling_is_told_and_the_same_again(capsys: pytest.CaptureFixture[str]) -> None:
    told = []
    for _ in range(2):
        compare(World(agents=4), 2.0, 0.03, 0.2, 2, as_json=True)
        told.append(capsys.readouterr().out)
    assert told[0] == told[1]
    found = json.loads(told[0])
    assert [each["mode"] for each in found] == ["progressive", "power", "predictive"]
    assert all(0 <= each["idle"] <= 1 for each in found)
    assert found[0]["abandoned"] == 0
