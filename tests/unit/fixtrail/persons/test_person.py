"""Whom a request is about, and which records are about them, whatever these look like."""

import pytest

from fixtrail.persons.person import Matcher, PersonKey

SECRET = b"a key for these tests, long enough"


@pytest.mark.parametrize(
    ("person", "value"),
    [
        (PersonKey("customer", "C-7"), b'{"customer_id": "C-7", '),
        (PersonKey("customer", "王·小明"), '{"note": "王·小明"}'.encode()),
        (PersonKey("customer", "王·小明"), b'["\\u738b\\u00b7\\u5c0f\\u660e"]'),
        (PersonKey("contact", "sms:+8613800138000"), b'{"lane": "call +8613800138000 first"'),
        (PersonKey("contact", "mailto:a@example.com"), b"a@example.com;east-01"),
    ],
)
def test_a_record_that_is_no_event_may_still_name_the_person(person: PersonKey, value: bytes):
    assert Matcher(person, SECRET).is_named_in(value)


@pytest.mark.parametrize(
    ("person", "value"),
    [
        (PersonKey("customer", "C-7"), b'{"customer_id": "C-77"}'),
        (PersonKey("contact", "sms:110"), b'{"amount": 110}'),
        (PersonKey("contact", "sms:+8613800138000"), None),
        (PersonKey("vehicle", "V-7"), b'{"vehicle_id": "V-7"}'),
    ],
)
def test_a_record_of_somebody_else_does_not(person: PersonKey, value: bytes | None):
    assert not Matcher(person, SECRET).is_named_in(value)
