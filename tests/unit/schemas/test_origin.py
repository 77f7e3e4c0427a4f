"""Who sent a record, when, and for which center: as far as its headers and bytes tell."""

import pytest

from schemas.origin import center_of, sent_ms_of, source_of

STRUCTURED = b'{"specversion":"1.0","source":"dms","time":"2026-03-01T00:00:05Z","data":{"center_id":"c1"}}'


@pytest.mark.parametrize(
    ("headers", "value", "source"),
    [
        ([("source", b"key-east"), ("ce_source", b"/dms")], b"{}", "key-east"),
        ([("ce_source", b"/dms")], b"{}", "/dms"),
        ([], STRUCTURED, "dms"),
        ([], b"no JSON", "kafka"),
        ([("source", b"\x00\x01")], None, "kafka"),
    ],
)
def test_a_record_s_source_is_its_key_its_envelope_or_kafka(headers, value, source):
    assert source_of(headers, value) == source


@pytest.mark.parametrize(
    ("headers", "value", "sent_ms"),
    [
        ([("ce_time", b"1970-01-01T00:00:01Z")], b"{}", 1000),
        ([], STRUCTURED, 1772323205000),
        ([("ce_time", b"yesterday")], b"{}", None),
        ([("ce_time", b"2026-03-01T00:00:05")], b"{}", None),
        ([], b"{}", None),
    ],
)
def test_the_time_of_sending_is_what_the_envelope_says(headers, value, sent_ms):
    assert sent_ms_of(headers, value) == sent_ms


@pytest.mark.parametrize(
    ("value", "center"),
    [(b'{"center_id":"c1"}', "c1"), (STRUCTURED, "c1"), (b'{"center_id":7}', None), (b"[1]", None), (None, None)],
)
def test_a_refused_record_s_center_is_told_where_its_bytes_tell_it(value, center):
    assert center_of(value) == center
