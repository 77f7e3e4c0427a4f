"""How the times of a log become instants."""

import pytest

from fixtrail.imports.errors import BadValueError
from fixtrail.imports.times import time_reader, wire_time


def read(text, formats=("iso",), zone=None, gap="shift", fold="earlier"):
    notes: list[str] = []
    return wire_time(time_reader(formats, gap, fold)(text, zone, notes)), notes


@pytest.mark.parametrize(
    ("text", "formats", "zone", "instant"),
    [
        ("1970-01-02T12:23:00.000+01:00", ("iso",), None, "1970-01-02T11:23:00.000Z"),
        ("2026-03-01T08:00:00Z", ("iso",), "Asia/Shanghai", "2026-03-01T08:00:00.000Z"),
        ("2026-03-01 08:00", ("iso",), "Asia/Shanghai", "2026-03-01T00:00:00.000Z"),
        ("2026-03-01T08:00:00.123456789+08:00", ("iso",), None, "2026-03-01T00:00:00.123Z"),
        ("2026/3/1 8:05", ("%Y/%m/%d %H:%M",), "Asia/Shanghai", "2026-03-01T00:05:00.000Z"),
        ("2026年03月01日 08:05", ("%Y年%m月%d日 %H:%M",), "Asia/Shanghai", "2026-03-01T00:05:00.000Z"),
        ("01.03.2026", ("iso", "%d.%m.%Y"), "UTC", "2026-03-01T00:00:00.000Z"),
        ("1772323200.9996", ("epoch_s",), None, "2026-03-01T00:00:00.999Z"),
        ("1772323200123", ("epoch_ms",), None, "2026-03-01T00:00:00.123Z"),
        ("1969-12-31T23:59:59.9996Z", ("iso",), None, "1969-12-31T23:59:59.999Z"),
        # China had summer time in 1988.
        ("1988-07-01 12:00", ("iso",), "Asia/Shanghai", "1988-07-01T03:00:00.000Z"),
    ],
)
def test_a_time_is_read_to_the_millisecond(text, formats, zone, instant):
    assert read(text, formats, zone) == (instant, [])


def test_an_hour_that_came_twice_is_taken_as_the_mapping_says_and_told():
    twice = "2026-10-25 02:30"

    assert read(twice, zone="Europe/Berlin")[0] == "2026-10-25T00:30:00.000Z"
    assert read(twice, zone="Europe/Berlin", fold="later")[0] == "2026-10-25T01:30:00.000Z"
    assert read(twice, zone="Europe/Berlin")[1] == ["local time came twice, earlier taken"]
    with pytest.raises(BadValueError, match="came twice"):
        read(twice, zone="Europe/Berlin", fold="reject")


def test_an_hour_that_was_left_out_is_shifted_on_and_told():
    left_out = "2026-03-29 02:30"

    assert read(left_out, zone="Europe/Berlin") == (
        "2026-03-29T01:30:00.000Z",
        ["local time was left out by a clock change, shifted on"],
    )
    with pytest.raises(BadValueError, match="was left out"):
        read(left_out, zone="Europe/Berlin", gap="reject")


@pytest.mark.parametrize(
    ("text", "formats", "zone", "reason"),
    [
        ("yesterday", ("iso",), None, "not a time in format iso"),
        ("31/02/2026", ("%d/%m/%Y", "iso"), "UTC", "not a time in format %d/%m/%Y or iso"),
        ("2026-03-01 08:00", ("iso",), None, "time without offset, and the mapping names no zone"),
        ("2026-03-01 08:00", ("iso",), "Mars/Phobos", "time zone not known"),
        ("0001-01-01T00:00:00+08:00", ("iso",), None, "time outside the years 1 to 9999"),
        ("0001-01-01 00:00", ("iso",), "Asia/Shanghai", "time outside the years 1 to 9999"),
        ("9e99", ("epoch_s",), None, "an epoch far from today: of another unit (epoch_s, epoch_ms, epoch_us)?"),
        ("nan", ("epoch_ms",), None, "not a time in format epoch_ms"),
    ],
)
def test_what_is_no_time_says_why_without_the_text_itself(text, formats, zone, reason):
    with pytest.raises(BadValueError) as refusal:
        read(text, formats, zone)

    assert refusal.value.reason == reason
