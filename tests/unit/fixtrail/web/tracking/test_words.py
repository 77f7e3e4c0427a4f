"""What the page says, in both languages."""

import re
import string
from typing import get_args

import pytest

from fixtrail.web.tracking.pages import FORM_OUTCOMES, REASONS
from fixtrail.web.tracking.words import catalogue, chosen_locale, words_in
from schemas.facts import Activity
from schemas.locales import LOCALES
from streams.journey.notices import MILESTONES

NOON = 1_772_452_800_000  # 2 March 2026, 12:00 UTC
BOTH = [catalogue()[locale] for locale in LOCALES]


def test_both_languages_say_the_same_things():
    chinese, english = BOTH

    assert chinese.keys() == english.keys()
    for key, text in chinese.items():
        assert filled(text) == filled(english[key]), key


def filled(text: str) -> set[str | None]:
    return {name for _, name, *_ in string.Formatter().parse(text) if name}


@pytest.mark.parametrize("texts", BOTH, ids=LOCALES)
def test_there_are_words_for_all_that_can_happen(texts):
    needed = {f"now_{name}" for name in (*get_args(Activity), "extra_check", "handed_off", "cancelled", "unknown")}
    needed |= {f"log_{name}" for name in MILESTONES} | {f"said_{name}" for name in FORM_OUTCOMES}
    needed |= {f"reason_{name}" for name in REASONS}

    assert needed <= texts.keys()


@pytest.mark.parametrize("texts", BOTH, ids=LOCALES)
def test_a_check_that_failed_is_called_an_extra_check(texts):
    joined = " ".join(text for key, text in texts.items() if "check" in key)

    assert not re.search("fail|defect|wrong|不合格|失败|返工|缺陷", joined)


@pytest.mark.parametrize(
    ("requested", "accepted", "customers", "locale"),
    [
        (None, "zh-CN,zh;q=0.9,en;q=0.8", None, "zh-CN"),
        (None, "en-GB,en;q=0.9", "zh-CN", "en"),
        (None, "de,en;q=0.5,zh;q=0.7", None, "zh-CN"),
        (None, "de", "en", "en"),
        (None, "", None, "zh-CN"),
        (None, "zh-Hant-TW", None, "zh-CN"),
        ("en", "zh-CN", "zh-CN", "en"),
        ("../../etc", "en", None, "en"),
        (None, "en;q=0, zh;q=nan", None, "zh-CN"),
        (None, ",;q=,;;q=x,", "en", "en"),
    ],
)
def test_the_language_is_the_one_asked_for(requested, accepted, customers, locale):
    assert chosen_locale(requested, accepted, customers) == locale


def test_times_stand_on_the_centers_clock():
    shanghai, new_york = (words_in("en", zone, NOON, "CNY") for zone in ("Asia/Shanghai", "America/New_York"))

    assert str(shanghai.clock(NOON)) == '<time datetime="2026-03-02T20:00:00+08:00">20:00</time>'
    assert ">07:00<" in shanghai.clock(NOON - 13 * 3_600_000)
    assert "Sun 1 Mar, 23:00" in shanghai.clock(NOON - 21 * 3_600_000)
    assert ">07:00<" in new_york.clock(NOON)


@pytest.mark.parametrize(("seconds", "text"), [(59, "0 min"), (60, "1 min"), (3600, "1 h 0 min"), (7500, "2 h 5 min")])
def test_spans_are_hours_and_minutes(seconds, text):
    assert words_in("en", "Asia/Shanghai", NOON, "CNY").span(seconds) == text
