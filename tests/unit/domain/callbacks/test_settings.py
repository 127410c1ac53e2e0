import pytest

from ringback.domain.callbacks import (
    CallbackSettings,
    SettingsError,
    are_hours,
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
