import pytest

from ringback.domain.callbacks import (
    CallbackSettings,
    DialResult,
    SettingsError,
    are_hours,
    properties_of,
    read_hours,
    read_settings,
)


def test_published_properties_are_strings_by_their_published_names() -> None:
    settings = read_settings({"_max_dial_attempts": "5", "_immediate_enabled": "false", "_vq": "sales"})
    assert (settings.max_dial_attempts, settings.immediate_enabled, settings.vq) == (5, False, "sales")


def test_nothing_published_means_the_defaults() -> None:
    assert read_settings({}) == CallbackSettings()


def test_columns_of_the_customers_own_are_left_alone() -> None:
    assert read_settings({"_colour": "blue", "note": "x"}) == CallbackSettings()


@pytest.mark.parametrize(
    "properties",
    [
        {"_max_dial_attempts": "0"},
        {"_max_dial_attempts": "many"},
        {"_ttl": "-1"},
        {"_default_country": "Germany"},
        {"_immediate_enabled": "perhaps"},
    ],
)
def test_a_value_that_cannot_be_is_refused_by_the_name_of_its_property(properties: dict[str, str]) -> None:
    with pytest.raises(SettingsError, match=next(iter(properties))):
        read_settings(properties)


OFFICE = {
    "_timezone": "Europe/Berlin",
    "_bh_regular1": "Mon-Fri 09:00-17:00",
    "_bh_regular2": "Sat 10:00-12:00",
}


def test_business_hours_are_published_as_a_service_of_their_own() -> None:
    assert are_hours(OFFICE)
    assert not are_hours({"_vq": "sales"})
    hours = read_hours(OFFICE)
    assert [bool(day) for day in hours.week] == [True] * 6 + [False]
    assert hours.zone.key == "Europe/Berlin"


@pytest.mark.parametrize("wrong", [{"_timezone": "Nowhere"}, {"_bh_regular3": "all day"}])
def test_hours_that_cannot_be_are_refused(wrong: dict[str, str]) -> None:
    with pytest.raises(SettingsError):
        read_hours({**OFFICE, **wrong})


@pytest.mark.parametrize(
    ("properties", "cell"),
    [
        ({"_userterminated_first_connect_party": "NOBODY"}, "_userterminated_first_connect_party"),
        ({"_userterminated_first_connect_party": "AGENT", "_max_queue_wait": "60"}, "_max_queue_wait"),
        ({"_userterminated_first_connect_party": "AGENT", "_hold_enabled": "true"}, "_hold_enabled"),
        ({"_agent_preview_max_rejects": "2"}, "_agent_preview_max_rejects"),
        ({"_agent_preview": "true", "_agent_preview_max_rejects": "9"}, "_agent_preview_max_rejects"),
        ({"_prefix_dial_out": "9+"}, "_prefix_dial_out"),
        ({"_call_display_name": 'A"B'}, "_call_display_name"),
        ({"_cpd_timeguard": "0"}, "_cpd_timeguard"),
        (
            {"_urs_vq_priority": "50", "_urs_vq_priority_increment": "1", "_urs_vq_priority_limit": "40"},
            "_urs_vq_priority_limit",
        ),
        ({"_overwritable_options": "_ttl,_service"}, "_overwritable_options"),
        ({"_attach_udata": "both"}, "_attach_udata"),
        (
            {"_treatment_call_failure_answering_machine": "message", "_answering_machine_message": ""},
            "_answering_machine_message",
        ),
    ],
)
def test_settings_are_judged_as_a_whole(properties: dict[str, str], cell: str) -> None:
    with pytest.raises(SettingsError) as refused:
        read_settings(properties)
    assert list(refused.value.cells) == [cell]
    assert refused.value.cells[cell]


def test_every_bad_cell_has_its_reason() -> None:
    with pytest.raises(SettingsError) as refused:
        read_settings({"_ttl": "0", "_cpd_enable": "perhaps", "_quiet_hours": "25:00-26:00", "_vq": "fine"})
    assert set(refused.value.cells) == {"_ttl", "_cpd_enable", "_quiet_hours"}
    assert all(name in str(refused.value) for name in refused.value.cells)


def test_settings_can_be_written_as_properties_again() -> None:
    settings = read_settings({"_max_dial_attempts": "5", "_cpd_enable": "true"})
    assert read_settings(properties_of(settings)) == settings


def test_the_request_decides_about_the_first_priority_only() -> None:
    settings = read_settings({"_urs_vq_priority": "20", "_urs_vq_priority_increment": "5"})
    assert [settings.initial_priority(asked) for asked in (None, 0, 30.9)] == [20, 0, 30]
    assert settings.urs_vq_priority_increment == 5


def test_the_pause_before_the_next_dial_depends_on_the_result() -> None:
    policy = read_settings(
        {
            "_dial_retry_timeout": "300",
            "_dial_retry_timeout_busy": "60",
            "_dial_retry_timeout_answering_machine": "3600",
        }
    ).retry_policy()
    pauses = {
        result: policy.next_dial(result, 1, 1000.0)
        for result in (DialResult.BUSY, DialResult.NO_ANSWER, DialResult.ANSWERING_MACHINE)
    }
    assert list(pauses.values()) == [1060.0, 1300.0, 4600.0]
    assert policy.next_dial(DialResult.ERROR_TONE, 1, 1000.0) is None
    assert policy.after_snooze(1000.0) == 1600.0
