"""Codes stay as they are to the last character; what somebody has typed in their place is held back."""

import orjson
import pytest

from schemas.codes import WITHHELD, code_of, codes_of, free_text_fields, is_code, with_codes_only
from schemas.decode import decode_event
from tests.workshop import Sent, checked_in, complained, diagnosed, order_after, part, repair, surveyed

CODES = [
    *("wait", "price", "清洁", "服务态度", "P0300-02", "0341/7", "9412345678", "AC.COMPRESSOR:NOISE", "brakes (front)"),
    *("4S店接待流程不满意", "x" * 64, "12345678901234567890", "2026-03-01 08:00", "steering+suspension", "a@b"),
]
FREE_TEXT = [
    *("Mr Li said that nobody had called him back, although he had asked for it three times", "x" * 65),
    *("call 13800138000", "8613800138000", "+49 30 1234567", "请联系138 0013 8000", "li@example.com", "13800138000"),
]


@pytest.mark.parametrize("text", CODES)
def test_a_code_is_kept(text: str):
    assert is_code(text)
    assert code_of(text) == text


@pytest.mark.parametrize("text", FREE_TEXT)
def test_free_text_is_no_code(text: str):
    assert not is_code(text)
    assert code_of(text) == WITHHELD


def test_of_a_list_the_codes_stay_in_their_order():
    assert codes_of(["wait", FREE_TEXT[0], "price"]) == ["wait", "price"]
    assert codes_of(None) == []


def test_an_event_of_codes_alone_is_the_same_event():
    for content in (surveyed("12:00", reasons=["wait"]), complained("12:00"), diagnosed("09:00", 0, "brakes")):
        event = decode_event(orjson.dumps(content))

        assert with_codes_only(event) is event
        assert free_text_fields(event) == []


def test_the_fields_with_free_text_are_named_and_nothing_of_it_is_left():
    survey = decode_event(orjson.dumps(surveyed("12:00", reasons=["wait", "call 13800138000"])))
    complaint = decode_event(orjson.dumps(complained("12:00", category="li@example.com")))

    assert (free_text_fields(survey), free_text_fields(complaint)) == (["reasons"], ["category"])
    assert with_codes_only(survey).reasons == ("wait",)
    assert with_codes_only(complaint).category == WITHHELD


PHONE, MAIL = "ask 13800138000", "li@example.com"
LINE = {"part_no": "P", "quantity": 1, "unit_price": 1}
QUOTE = {"labour_hours": 1, "labour_rate": 1, "currency": "CNY", "labour": [{"name": PHONE, "hours": 1}]}


@pytest.mark.parametrize(
    "content",
    [
        checked_in("08:00", model=PHONE, software=MAIL),
        part("requested", "08:10", request_id="Q1", name=PHONE, batch=PHONE, carrier=MAIL),
        repair("started", "08:20", step=PHONE, batch=PHONE),
        complained("12:00", channel=MAIL),
        surveyed("12:00", scores={PHONE: 3}),
        diagnosed("09:00", quote={**QUOTE, "parts": [{**LINE, "name": MAIL}, {**LINE, "name": "n" * 200}, LINE]}),
    ],
    ids=lambda content: content["type"],
)
def test_a_name_with_a_number_or_a_mailbox_in_it_is_withheld(content: Sent):
    event = with_codes_only(decode_event(orjson.dumps(content)))

    text = event.model_dump_json()
    assert "13800138000" not in text and MAIL not in text
    assert WITHHELD in text or content["type"] == "survey"
    assert ("n" * 200 in text) == (content["type"] == "diagnosis")


def test_journeys_hold_codes_only():
    """What is written into the topic `journeys` for every order, and kept there."""
    fact = order_after(
        checked_in("08:00"),
        diagnosed("09:00", 0, "brakes", "Mrs Li: 13800138000"),
        surveyed("12:00", reasons=["wait", "write to li@example.com"]),
        complained("13:00", category="li@example.com again"),
    )

    assert fact["fault_groups"] == ["brakes"]
    assert (fact["survey_reasons"], fact["surveys"][0]["reasons"]) == (["wait"], ["wait"])
    assert [complaint["category"] for complaint in fact["complaint_list"]] == [WITHHELD]
    assert "example.com" not in str(fact) and "1380" not in str(fact)
