"""A scenario finds out what an application does otherwise."""

from pathlib import Path

import pytest

from ringback.scxml import compile_document
from ringback.testing.rehearsal import Mismatch, Rehearsal
from ringback.testing.scenario_file import ScenarioError, read_scenario

APP = """<scxml xmlns="http://www.w3.org/2005/07/scxml" xmlns:queue="www.genesyslab.com/modules/queue"
  version="1.0" datamodel="ecmascript">
  <datamodel><data id="request"/><data id="began" expr="Date.now()"/></datamodel>
  <state id="asking">
    <onentry>
      <queue:submit requestid="request" queueexpr="_genesys.parameters.queue" timeout="5"/>
      <send event="late" delay="10s"/>
    </onentry>
    <transition event="queue.submit.done" cond="_event.data.requestid === request" target="there"/>
    <transition event="error.queue.submit" target="over"/>
    <transition event="late" cond="new Date() - began === 10000" target="over"/>
  </state>
  <state id="there"/>
  <final id="over"/>
</scxml>"""
SUBMIT = '[[step]]\nexpect = "queue.submit"\n'


def rehearse(tmp_path: Path, steps: str, app: str = APP) -> Rehearsal:
    path = tmp_path / "a.toml"
    path.write_text(("" if steps else "step = []\n") + '[parameters]\nqueue = "sales"\n' + steps)
    rehearsal = Rehearsal(compile_document(app), read_scenario(path))
    rehearsal.run()
    return rehearsal


def test_an_answer_finds_its_request(tmp_path: Path) -> None:
    answer = '[[step]]\nevent = "queue.submit.done"\nanswers = "queue.submit"\n[[step]]\nstates = ["there"]\n'
    log = rehearse(tmp_path, SUBMIT + 'with = {queue = "sales", timeout = 5.0}\n' + answer).log
    assert any("queue.submit.done" in line for line in log)


def test_the_platform_itself_routes_what_is_to_be_routed(tmp_path: Path) -> None:
    app = APP.replace('timeout="5"', 'route="true"')
    reserved = """[[step]]
event = "queue.submit.done"
answers = "queue.submit"
data = {agent = "AGENT", dn = "1AGENT", reservation = "r"}
[[step]]
states = ["asking"]
[[step]]
expect = "interaction.redirect"
with = {to = "1AGENT", agent = "AGENT"}
"""
    ann, bob = reserved.replace("AGENT", "ann"), reserved.replace("AGENT", "bob")
    back = '[[step]]\nexpect = "queue.return"\nwith = {agent = "ann", reason = "no_answer"}\n'
    there = '[[step]]\nstates = ["there"]\n'
    confirm = '[[step]]\nexpect = "queue.confirm"\nwith = {agent = "bob"}\n'
    end = bob + "done = {}\n" + there + confirm
    rehearse(tmp_path, SUBMIT + ann + 'error = "no_answer"\n' + back + end, app)
    with pytest.raises(Mismatch, match=r"nobody expected queue\.confirm"):
        rehearse(tmp_path, SUBMIT + bob + "done = {}\n" + there, app)


def test_the_clock_is_the_scenarios_in_scripts_too(tmp_path: Path) -> None:
    rehearse(tmp_path, SUBMIT + '[[step]]\nwait = 9\n[[step]]\nstates = ["asking"]\n[[step]]\nwait = 1\n')
    rehearse(tmp_path, SUBMIT + "[[step]]\nwait = 11\n[[step]]\nended = true\n")


def test_an_action_may_fail(tmp_path: Path) -> None:
    rehearse(tmp_path, SUBMIT + 'error = "rejected"\n[[step]]\nended = true\n')


@pytest.mark.parametrize(
    ("steps", "message"),
    [
        ("", "at the end nobody expected queue.submit"),
        ('[[step]]\nexpect = "dialog.play"\n', "step 1: expected dialog.play, found queue.submit"),
        (SUBMIT + 'with = {queue = "other"}\n', "queue is 'sales', expected 'other'"),
        (SUBMIT + 'with = {colour = "red"}\n', "queue.submit has no 'colour'"),
        (SUBMIT + SUBMIT, "step 2: expected queue.submit, found nothing, in asking"),
        (SUBMIT + '[[step]]\nstates = ["there"]\n', "not in there but in asking"),
        (SUBMIT + "[[step]]\nended = true\n", "not over, but in asking"),
        ('[[step]]\nevent = "x"\nanswers = "queue.query"\n', "no queue.query has been asked for"),
    ],
)
def test_what_is_otherwise_is_told(tmp_path: Path, steps: str, message: str) -> None:
    with pytest.raises(Mismatch, match=message):
        rehearse(tmp_path, steps)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("step = [", "Invalid value"),
        ('[[step]]\nexpct = "a"\n', "unknown field `expct`"),
        ('[[step]]\nexpect = "a"\nwait = 1\n', "one of expect, event, wait"),
        ('[[step]]\nexpect = "a"\ndone = {}\nerror = "b"\n', "done or has an error"),
    ],
)
def test_a_file_that_is_no_scenario_is_refused(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "a.toml").write_text(text)
    with pytest.raises(ScenarioError, match=message):
        read_scenario(tmp_path / "a.toml")


def test_functions_of_scripts_see_the_scenarios_tables_figures_and_clock(tmp_path: Path) -> None:
    app = """<scxml xmlns="http://www.w3.org/2005/07/scxml" version="1.0" datamodel="ecmascript">
      <state id="a"><transition event="late" target="b" cond="_genesys.session.isOpen('office') &amp;&amp;
          _genesys.statistic.sData('sales', 'Waiting') == 3 &amp;&amp;
          _genesys.session.timeInZone('UTC') == '13:46:41'"/></state><state id="b"/></scxml>"""
    path = tmp_path / "a.toml"
    path.write_text(
        'start = 1000000\n[tables.BUSINESS_HOURS.office]\nzone = "UTC"\nhours = "Mon 13:46-14:00"\n'
        '[statistics]\n"sales Waiting" = 3\n[[step]]\nevent = "late"\n[[step]]\nstates = ["a"]\n'
        '[[step]]\nwait = 1\n[[step]]\nevent = "late"\n[[step]]\nstates = ["b"]\n'
    )
    Rehearsal(compile_document(app), read_scenario(path)).run()
