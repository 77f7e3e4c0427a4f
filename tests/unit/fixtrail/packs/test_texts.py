"""The three texts of a pack say its own numbers and no others, and call nothing good that may be chance."""

import re
from pathlib import Path
from typing import Any

import pytest

from fixtrail.packs.files import LOCALES, RENDERERS, write_files
from fixtrail.packs.message import LONGEST_BYTES, MOST_FIGURES, render_message
from fixtrail.packs.pages import render_sheet
from fixtrail.packs.summary import verdicts
from fixtrail.reports.report import Locale
from tests.told_packs import CHANGES, full_pack, owners_pack

GOOD = re.compile(r"better|变好|改善|好转|更好", re.IGNORECASE)
_NUMBER = re.compile(r"(?<![\w.#-])[+−-]?\d+(?:\.\d+)?")
_NO_FIGURES = re.compile(
    r"<style>.*?</style>|style=\"[^\"]*\"|<[^>]+>|\d{4}-\d\d-\d\d(T[\d:.+]+)?|rule-\d|sha256 \w+", re.S
)


def numbers_in(text: str) -> set[float]:
    """Every number of a text but for dates, hashes and the numbers of its styles."""
    return {float(number) for number in _NUMBER.findall(_NO_FIGURES.sub(" ", text))}


def numbers_of(value: Any) -> set[float]:
    """Every number of a pack, in the form in which texts show it, and its counts."""
    if isinstance(value, dict):
        parts = (numbers_of(item) for item in value.values())
        return set().union(*parts) if value else set()
    if isinstance(value, list):
        return set().union(*map(numbers_of, value)) if value else set()
    return {float(value)} if isinstance(value, (int, float)) and not isinstance(value, bool) else set()


def shown_numbers(pack: dict[str, Any]) -> set[float]:
    """The numbers that a text may say."""
    rows = [*pack["figures"], *pack["changes"], *pack["waits"], *pack["causes"]["top"]]
    counts = [row.get("n") for row in pack["figures"]]
    parts = ("verdicts", "alerts", "unknown", "data_quality", "watermark")
    return numbers_of([row["shown"] for row in rows]) | numbers_of(counts) | numbers_of([pack[part] for part in parts])


@pytest.mark.parametrize("locale", LOCALES)
@pytest.mark.parametrize("form", ["3", "15"])
def test_every_number_of_a_text_is_one_of_the_pack(tmp_path: Path, form: str, locale: Locale):
    pack = full_pack(tmp_path)
    numbers = numbers_in(RENDERERS[form](pack, locale))

    # A first-time fix may come back within 30 days.
    assert numbers - shown_numbers(pack) <= {30.0}
    assert {32.9, 30.8, 35.0, 15.0, 214.0, 74.3, 90.0, -2.9, -5.0, -0.8} <= numbers


@pytest.mark.parametrize("locale", LOCALES)
def test_the_message_is_short(tmp_path: Path, locale: Locale):
    message = render_message(full_pack(tmp_path), locale)
    lead = message.splitlines()[1]

    assert len(message.encode()) <= LONGEST_BYTES
    assert len(re.findall(r"。|\.(?:\s|$)", lead)) <= 3
    assert 1 <= sum(line.startswith("•") for line in message.splitlines()) <= MOST_FIGURES
    assert message.splitlines()[-1].startswith("sha256 ")


@pytest.mark.parametrize("locale", LOCALES)
@pytest.mark.parametrize("form", RENDERERS)
def test_nothing_is_called_good_where_the_interval_of_the_change_holds_0(tmp_path: Path, form: str, locale: Locale):
    uncertain = {
        name: (change, -abs(low), abs(high), "not_distinguishable") for name, (change, low, high, _) in CHANGES.items()
    }

    assert not GOOD.search(RENDERERS[form](full_pack(tmp_path, uncertain), locale))
    assert GOOD.search(RENDERERS[form](full_pack(tmp_path), locale))


@pytest.mark.parametrize(
    ("locale", "words"), [("en", "3 of 5 targets met, 2 missed"), ("zh-CN", "5 项目标中 3 项达标，2 项未达标")]
)
@pytest.mark.parametrize("form", RENDERERS)
def test_the_owners_table_met_three_of_five(form: str, locale: Locale, words: str):
    text = RENDERERS[form](owners_pack(), locale)

    assert words in text
    assert not GOOD.search(text)


@pytest.mark.parametrize(("locale", "words"), [("en", "not settled yet"), ("zh-CN", "尚未定案")])
@pytest.mark.parametrize("form", ["3", "15"])
def test_a_rate_whose_orders_may_all_come_back_has_data_and_no_status_yet(
    tmp_path: Path, form: str, locale: Locale, words: str
):
    """So is the first-time fix rate in the pack of every last week."""
    pack = full_pack(tmp_path)
    rows = pack["figures"]
    next(row for row in rows if row["figure"] == "ftfr").update(status=None, unripe=200, judged_on="ftfr_confirmed")
    pack["verdicts"] = verdicts(rows, ("nps", "ftfr", "wait_mean_s"))

    text = RENDERERS[form](pack, locale)

    assert pack["verdicts"]["unripe"] == 1
    assert text.count(words) == 2
    assert {"en": "1 no data", "zh-CN": "1 项无数据"}[locale] not in text


@pytest.mark.parametrize(
    ("locale", "words"), [("en", "+5.8 pp (+3.2 to +8.5) better"), ("zh-CN", "+5.8 个百分点（+3.2～+8.5）")]
)
def test_a_share_grows_by_points_and_not_by_percent(tmp_path: Path, locale: Locale, words: str):
    pack = full_pack(tmp_path, {"ftfr": (0.0583, 0.0318, 0.085, "better")})

    assert words in render_message(pack, locale)
    assert words in render_sheet(pack, locale)


def test_all_texts_name_the_same_pack(tmp_path: Path):
    pack = full_pack(tmp_path)
    files = write_files(pack, tmp_path / "out")

    assert [file.name for file in files] == [
        *("3-zh-CN.txt", "15-zh-CN.html", "30-zh-CN.html", "3-en.txt", "15-en.html", "30-en.html", "pack.json"),
    ]
    assert all(pack["sha256"][:12] in file.read_text() for file in files)


def test_what_somebody_named_cannot_break_a_page_or_a_message(tmp_path: Path):
    pack = full_pack(tmp_path)
    for about in pack["definitions"].values():
        about["title"] = {"zh-CN": "<b>&" + "长" * 3000, "en": "<script>" + "x" * 3000}
    pack["unknown"] = [{"what": "no_report", "report": "r", "reason": "y" * 5000}]

    assert len(render_message(pack, "zh-CN").encode()) <= LONGEST_BYTES
    assert "<script>" not in render_sheet(pack, "en")


def test_a_late_message_says_so(tmp_path: Path):
    note = "Made up for: this was planned for 2026-07-10 17:00."

    assert note in render_message(full_pack(tmp_path), "en", note)
    assert note in render_sheet(full_pack(tmp_path), "en", note)
