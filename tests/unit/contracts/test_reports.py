"""What of a call's events leaves the platform."""

from ringback.contracts.events import CallEvent, for_reports


def event(**more: object) -> CallEvent:
    fields: dict[str, object] = {"id": "EventTreatmentEnd", "time": 1.0, "tenant": "demo", "conn_id": "A1"}
    return CallEvent(**{**fields, **more})  # type: ignore[arg-type]


def test_user_data_and_digits_stay_inside_but_for_what_reports_are_made_of() -> None:
    data = {"card": "4111", "_CB_SERVICE_ID": "c1"}
    sent = for_reports(event(user_data=data, digits="482913"))
    assert (sent.user_data, sent.digits) == ({"_CB_SERVICE_ID": "c1"}, "")


def test_an_event_without_them_is_sent_as_it_is() -> None:
    plain = event(reason="answered")
    assert for_reports(plain) is plain
