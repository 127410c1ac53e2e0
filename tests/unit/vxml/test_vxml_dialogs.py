"""Forms, menus and the way through them (VoiceXML 2.0 sections 2, 5 and appendix C)."""

from tests.unit.vxml.world import World, page

from ringback.vxml import Failed, HungUp, Recorded, Transferred
from ringback.vxml.events import Pause

DIGITS = '<field name="n" type="digits?length=2"><prompt>Number</prompt><filled>{}</filled></field>'


def form(body: str, more: str = "") -> str:
    return page(f"{more}<form>{body}</form>")


def test_2_1_blocks_and_fields_are_visited_in_document_order() -> None:
    body = '<block>Hello</block><field name="a" type="digits?length=1"><prompt>A?</prompt></field>' + (
        '<field name="b" type="boolean"><prompt>B?</prompt></field><block><exit namelist="a b"/></block>'
    )
    world = World(form(body), ["3", "2"])
    assert world.said == ["Hello", "A?", "<3>", "B?", "<2>"]
    assert world.values == {"a": "3", "b": False}


def test_2_1_3_an_item_with_a_value_or_a_false_condition_is_not_visited() -> None:
    body = (
        '<block expr="\'done\'">no</block><block cond="false">no</block>'
        '<block name="c">yes<assign name="d" expr="1"/></block><block name="d">no</block>'
    )
    assert World(form(body)).said == ["yes"]


def test_2_2_a_menu_gives_its_choices_the_keys_from_1_on() -> None:
    menu = (
        '<menu dtmf="true"><prompt>Choose: <enumerate/></prompt><choice next="#sales">Sales</choice>'
        '<choice next="#help">Help <grammar mode="voice"/></choice>'
        '<choice dtmf="*" event="gone.astray">x</choice></menu>'
        '<form id="sales"><block>sales</block></form><form id="help"><block>help</block></form>'
    )
    assert World(page(menu), ["2"]).said == ["Choose:", "Sales", "Help", "x", "<2>", "help"]
    assert World(page(menu), ["*"]).error == "gone.astray"
    assert World(page(menu), ["1"]).collects[0].max_keys == 1


def test_2_2_4_enumerate_says_the_key_of_each_choice() -> None:
    menu = (
        '<menu><property name="x" value="y"/><prompt><enumerate>For <value expr="_prompt"/> press '
        '<value expr="_dtmf"/>.</enumerate></prompt><choice dtmf="7" next="#a">Sales</choice></menu>'
        '<form id="a"/>'
    )
    assert World(page(menu)).said == ["For", "Sales", "press", "7", "."]


def test_2_3_1_3_an_option_gives_its_value() -> None:
    field = (
        '<field name="f"><option dtmf="1" value="red">Red wine</option>'
        '<option dtmf="2">White wine</option></field>'
        '<block><exit namelist="f"/></block>'
    )
    assert World(form(field), ["1"]).values == {"f": "red"}
    assert World(form(field), ["2"]).values == {"f": "White wine"}


def test_2_3_2_a_shadow_variable_tells_of_the_input() -> None:
    filled = '<exit expr="[n$.utterance, n$.inputmode, application.lastresult$[0].interpretation]"/>'
    world = World(form(DIGITS.format(filled)), ["42"])
    assert world.exited is not None and world.exited.value == ["42", "dtmf", "42"]


def test_2_3_3_and_2_3_5_what_is_not_for_keys_is_answered_by_an_event() -> None:
    for name in ("initial", "object"):
        caught = f'<catch event="error.unsupported.{name}"><exit expr="_event"/></catch>'
        world = World(form(f"{caught}<{name}/>"))
        assert world.exited is not None and world.exited.value == f"error.unsupported.{name}"


PARENT = form(
    '<var name="mine" expr="5"/><subdialog name="s" src="{}"><param name="start" expr="mine + 1"/>'
    '<filled><exit expr="s.sum + mine"/></filled>'
    '<catch event="too.bad"><exit expr="\'bad \' + _message"/></catch></subdialog>'
)
CHILD = (
    '<form id="child"><var name="start" expr="1"/><var name="mine" expr="100"/>'
    '<block><var name="sum" expr="start * 10 + mine"/>{}</block></form>'
)


def test_2_3_4_a_subdialog_has_variables_of_its_own_and_returns_values() -> None:
    pages = {
        "main.vxml": PARENT.format("sub.vxml#child"),
        "sub.vxml": page(CHILD.format('<return namelist="sum"/>')),
    }
    world = World(pages)
    assert world.exited is not None and world.exited.value == 165
    local = PARENT.format("#child").replace("</vxml>", CHILD.format('<return namelist="sum"/>') + "</vxml>")
    world = World(local)
    assert world.exited is not None and world.exited.value == 165


def test_5_3_10_a_subdialog_may_return_an_event() -> None:
    child = CHILD.format('<return event="too.bad" message="indeed"/>')
    world = World({"main.vxml": PARENT.format("sub.vxml"), "sub.vxml": page(child)})
    assert world.exited is not None and world.exited.value == "bad indeed"


def test_2_3_4_a_parameter_without_a_variable_is_an_error() -> None:
    world = World({"main.vxml": PARENT.format("sub.vxml"), "sub.vxml": page("<form><block/></form>")})
    assert world.error == "error.semantic"


def test_2_3_6_a_recording_tells_its_length() -> None:
    filled = '<filled><exit expr="[r, r$.duration, r$.termchar]"/></filled>'
    record = f'<record name="r" maxtime="20s" beep="true"><prompt>Speak</prompt>{filled}</record>'
    world = World(form(record))
    assert world.said == ["Speak"] and world.waits is not None and world.waits.max_s == 20.0
    world.feed(Recorded(world.waits.number, "rec-1", 4.5, key="#"))
    assert world.exited is not None and world.exited.value == ["rec-1", 4500, "#"]


TRANSFER = '<transfer name="t" dest="tel:+14155550100" {}><filled><exit namelist="t"/></filled></transfer>'


def test_2_3_7_a_blind_transfer_ends_the_dialog_and_a_failed_one_goes_on() -> None:
    caught = '<catch event="connection.disconnect.transfer"><exit expr="\'away\'"/></catch>'
    world = World(form(caught + TRANSFER.format("")))
    assert world.waits is not None and not world.waits.bridge
    world.feed(Transferred(world.waits.number, "transferred"))
    assert world.exited is not None and world.exited.value == "away"
    world = World(form(TRANSFER.format('type="bridge"')))
    assert world.waits is not None and world.waits.bridge
    world.feed(Transferred(world.waits.number, "busy"))
    assert world.values == {"t": "busy"}


def test_2_3_7_a_transfer_that_the_platform_has_not_got_is_an_event() -> None:
    world = World(form(TRANSFER.format('type="bridge"')))
    assert world.waits is not None
    world.feed(Failed(world.waits.number, "error.unsupported.transfer.bridge"))
    assert world.error == "error.unsupported.transfer.bridge"


def test_2_4_filled_of_a_form_waits_for_all_its_fields_or_for_any() -> None:
    fields = '<field name="a" type="digits?length=1"/><field name="b" type="digits?length=1"/>'
    filled = '<filled mode="{}" namelist="a b"><log>{}</log></filled>'
    world = World(form(fields + filled.format("any", "any") + filled.format("all", "all")), ["1", "2"])
    assert world.logs == ["any", "any", "all"]


def test_2_5_a_link_is_heard_in_every_field_unless_it_is_modal() -> None:
    link = '<link event="operator"><grammar mode="dtmf"><rule id="x">0</rule></grammar></link>'
    field = '<field name="n" type="boolean" modal="{}"/>'
    caught = '<catch event="operator"><exit expr="\'operator\'"/></catch>'
    world = World(form(field.format("false"), link + caught), ["0"])
    assert world.exited is not None and world.exited.value == "operator"
    assert World(form(field.format("true"), link + caught), ["0"]).exited is None


def test_3_1_1_4_an_inline_grammar_fills_its_field_with_its_tag() -> None:
    rule = '<rule id="r"><one-of><item>1<tag>paid</tag></item><item>22</item></one-of></rule>'
    namespace = 'xmlns="http://www.w3.org/2001/06/grammar"'
    grammar = f'<grammar {namespace} mode="dtmf" root="r" version="1.0">{rule}</grammar>'
    body = f'<field name="n">{grammar}</field><block><exit namelist="n"/></block>'
    assert World(form(body), ["1"]).values == {"n": "paid"}
    assert World(form(body), ["22"]).collects[0].max_keys == 2


def test_3_1_4_a_menu_of_the_whole_document_is_heard_in_other_dialogs() -> None:
    menu = '<menu id="m" scope="document"><choice dtmf="9" next="#end">x</choice></menu>'
    pages = page(
        '<form><field name="n" type="boolean"/></form>' + menu + '<form id="end"><block>end</block></form>'
    )
    assert World(pages, ["9"]).said == ["<9>", "end"]


def test_4_1_5_prompts_that_cannot_be_interrupted_are_played_first() -> None:
    field = (
        '<field name="n" type="boolean"><prompt bargein="false">Listen<break time="2s"/></prompt>'
        '<prompt timeout="9s">Press</prompt></field>'
    )
    world = World(form(field), [""])
    assert world.said[:3] == ["Listen", repr(Pause(2.0)), "Press"]
    assert [part.text for part in world.collects[0].parts] == ["Press"]  # type: ignore[union-attr]
    assert world.collects[0].timeout_s == 9.0


def test_4_1_6_prompts_are_chosen_by_count_and_condition() -> None:
    prompts = (
        '<prompt>first</prompt><prompt count="2">second</prompt><prompt count="2" cond="false">never</prompt>'
    )
    world = World(form(f'<field name="n" type="boolean">{prompts}</field>'), ["", "", ""])
    assert [each for each in world.said if not each.startswith("<")] == [
        "first",
        "second",
        "second",
        "second",
    ]


def test_5_2_2_the_count_chooses_the_handler_and_reprompt_says_it_again() -> None:
    handlers = (
        '<noinput>one<reprompt/></noinput><noinput count="2">two</noinput>'
        '<noinput count="3"><exit/></noinput>'
    )
    world = World(
        form(f'<field name="n" type="boolean"><prompt>Ask</prompt>{handlers}</field>'), ["", "", ""]
    )
    assert world.said == ["Ask", "<>", "one", "Ask", "<>", "two", "<>"]
    assert world.exited is not None


def test_5_2_4_handlers_are_searched_from_the_inside_and_match_by_their_beginning() -> None:
    inner = '<catch event="my"><log>inner <value expr="_event"/></log><throw event="other"/></catch>'
    outer = (
        '<catch event="other"><log>outer</log><exit/></catch><catch event="my.event"><log>no</log></catch>'
    )
    world = World(form(f'{inner}<block><throw event="my.event.of.today"/></block>', outer))
    assert world.logs == ["inner my.event.of.today", "outer"]


def test_5_2_5_without_a_handler_noinput_asks_again_and_an_error_ends_it() -> None:
    field = '<field name="n" type="boolean"><prompt>Ask</prompt></field>'
    assert World(form(field), ["", "7"]).said == ["Ask", "<>", "Ask", "<7>", "Ask"]
    assert World(form('<block><assign name="nobody" expr="1"/></block>')).error == "error.semantic"


def test_1_5_4_when_the_caller_hangs_up_the_application_is_told_and_can_ask_nothing_more() -> None:
    caught = (
        '<catch event="connection.disconnect"><log>gone</log><submit next="end.vxml" namelist="n"/></catch>'
    )
    last = page('<form><block><log>noted</log></block><field name="x" type="boolean"/></form>')
    world = World({"main.vxml": form(f'{caught}<field name="n" type="boolean"/>'), "end.vxml": last})
    world.feed(HungUp())
    assert world.logs == ["gone", "noted"] and world.exited is not None and world.error == ""
    assert World(form('<field name="n" type="boolean"/>')).exited is None


def test_5_3_11_after_disconnect_the_dialog_goes_on_without_the_caller() -> None:
    caught = '<catch event="connection.disconnect.hangup"><log>told</log></catch>'
    world = World(form(f"{caught}<block>Bye<disconnect/></block><block><log>more</log></block>"))
    assert world.said == ["Bye"] and world.disconnected and world.logs == ["told", "more"]


def test_5_3_3_clear_lets_a_field_be_asked_again_from_its_first_prompt() -> None:
    field = (
        '<field name="n" type="boolean"><prompt>one</prompt><prompt count="2">two</prompt>'
        '<filled><if cond="!n"><clear namelist="n"/></if></filled></field>'
    )
    assert World(form(field), ["", "2", "1"]).said == ["one", "<>", "two", "<2>", "one", "<1>"]


def test_5_3_4_and_2_1_foreach_conditions_and_lists() -> None:
    body = (
        '<block><var name="list" expr="[1, 2, 3, 4]"/><foreach item="x" array="list">'
        '<if cond="x == 1"><log>one</log><elseif cond="x == 3"/><log>three</log><else/>'
        '<log><value expr="x"/></log></if></foreach>'
        '<prompt><foreach item="y" array="list.slice(2)"><value expr="y * 2"/></foreach></prompt></block>'
    )
    world = World(form(body))
    assert world.logs == ["one", "2", "three", "4"]
    assert world.said == ["6", "8"]


def test_5_3_7_goto_an_item_and_a_dialog_of_this_document() -> None:
    body = (
        '<block name="a"><goto nextitem="c"/></block><block name="b">b</block><block name="c">c</block>'
        "<block name=\"d\"><goto expr=\"'#' + 'other'\"/></block>"
    )
    world = World(page(f'<form>{body}</form><form id="other"><block>other</block></form>'))
    assert world.said == ["c", "b", "other"]
    assert World(form('<block><goto next="#nowhere"/></block>')).error == "error.badfetch"
    assert World(form('<block><goto nextitem="nobody"/></block>')).error == "error.badfetch"


def test_6_3_properties_give_times_and_the_terminator() -> None:
    properties = (
        '<property name="timeout" value="1500ms"/><property name="interdigittimeout" value="2s"/>'
        '<property name="termchar" value="*"/>'
    )
    collect = World(form('<field name="n" type="digits"/>', properties)).collects[0]
    assert (collect.timeout_s, collect.interdigit_s, collect.terminators, collect.max_keys) == (
        1.5,
        2.0,
        "*",
        0,
    )
    assert World(form('<field name="n" type="number"/>', properties)).collects[0].terminators == ""


def test_appendix_d_only_the_terminator_is_no_match() -> None:
    body = '<field name="n" type="digits"><nomatch><exit expr="\'nomatch\'"/></nomatch></field>'
    world = World(form(body), ["#"])
    assert world.exited is not None and world.exited.value == "nomatch"
