"""A pack's numbers hold, were restated by events that came since, or were never computed from these data."""

import json
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from fixtrail.packs.canonical import sha256
from fixtrail.packs.command import line_of
from fixtrail.packs.files import texts_beside, write_files
from fixtrail.packs.verify import News, differences, flaws_of, is_behind, part_flaws, read_pack, text_flaws, word_flaws
from runtime.failure import USAGE, ExitError
from tests.told_packs import full_pack

NOTHING_NEW, TWO_ORDERS = News(0, 0), News(7, 2)


@pytest.fixture
def pack(tmp_path: Path) -> dict[str, Any]:
    return full_pack(tmp_path)


def verdicts(pack: dict[str, Any], news: News, **changed: Any) -> set[str]:
    """The verdicts on a pack whose fixes are now these."""
    figures = deepcopy(pack["figures"])
    next(row for row in figures if row["figure"] == "ftfr").update(changed)
    return {difference.verdict for difference in differences(pack, figures, news)}


def test_the_same_numbers_hold(pack: dict[str, Any]):
    assert flaws_of(pack) == []
    assert differences(pack, pack["figures"], NOTHING_NEW) == []


def test_what_differs_although_nothing_came_is_wrong(pack: dict[str, Any]):
    assert verdicts(pack, NOTHING_NEW, value=0.9) == {"wrong"}
    assert verdicts(pack, News(7, 0), value=0.9) == {"wrong"}


def test_a_comeback_that_came_since_restates(pack: dict[str, Any]):
    assert verdicts(pack, TWO_ORDERS, value=0.945) == {"restated"}
    assert verdicts(pack, TWO_ORDERS, n=202) == {"restated"}


def test_two_orders_cannot_change_three(pack: dict[str, Any]):
    assert verdicts(pack, TWO_ORDERS, n=203) == {"wrong"}


def test_another_definition_is_not_wrong(pack: dict[str, Any]):
    assert verdicts(pack, NOTHING_NEW, value=0.9, version=99) == {"redefined"}


def test_a_changed_file_is_wrong_even_with_its_clock(pack: dict[str, Any]):
    pack["clock"]["computed_at"] = "2030-01-01T00:00:00+00:00"
    assert flaws_of(pack) == []
    pack["figures"][0]["value"] += 1
    assert "sha256" in flaws_of(pack)[0]


def test_a_forged_number_with_a_hash_of_its_own_is_wrong(pack: dict[str, Any]):
    row = next(row for row in pack["figures"] if row["figure"] == "ftfr")
    row.update(value=0.99, count=191)
    pack["sha256"] = sha256({name: part for name, part in pack.items() if name not in ("sha256", "clock")})

    assert any("191 of 200" in flaw for flaw in flaws_of(pack))
    assert any("shown" in flaw for flaw in flaws_of(pack))


def test_what_was_judged_against_the_same_targets_is_judged_so_again(pack: dict[str, Any]):
    figures = deepcopy(pack["figures"])
    next(row for row in figures if row["figure"] == "ftfr").update(status="missed")

    assert differences(pack, figures, NOTHING_NEW) == []
    (difference,) = differences(pack, figures, NOTHING_NEW, is_judged=True)
    assert "was met, now missed" in line_of(difference)
    assert (difference.name, difference.verdict) == ("status", "wrong")


def test_a_pack_computed_again_shows_what_beside_the_figures_was_forged(pack: dict[str, Any]):
    forged = deepcopy(pack)
    forged["verdicts"]["met"] += 1
    forged["changes"][0]["verdict"] = "worse"
    forged["figures"].pop()

    assert part_flaws(pack, deepcopy(pack), NOTHING_NEW) == []
    flaws = part_flaws(forged, pack, NOTHING_NEW)
    assert len(flaws) == 3
    assert all(any(name in flaw for flaw in flaws) for name in ("verdicts", "changes", "is missing"))
    # Records since, about none of its orders; and about some.
    assert [flaw.split()[1] for flaw in part_flaws(forged, pack, News(7, 0))] == ["of", "changes"]
    assert len(part_flaws(forged, pack, TWO_ORDERS)) == 1


def report_section() -> dict[str, Any]:
    """A report of a pack with one table."""

    def words() -> dict[str, str]:
        return {"zh-CN": "等待", "en": "Waits"}

    column = {"name": "wait_s", "title": words(), "kind": "minutes", "words": {}}
    table = {
        "title": words(),
        "note": None,
        "columns": [column],
        "rows": [{"wait_s": 600.0}],
        "rows_all": 1,
        "shown": "",
    }
    about = {"title": words(), "text": words(), "unit": "seconds", "goal": "lower", "version": 1, "part": "headline"}
    section = {"title": words(), "question": words(), "scope": {}, "figures": [], "methods": []}
    return {**section, "definitions": {"wait_mean_s": about}, "tables": {"waits": table}}


def forge(pack: dict[str, Any], *path: Any) -> dict[str, Any]:
    """The pack with another text or number at this place."""
    forged = deepcopy(pack)
    part = forged
    for name in path[:-1]:
        part = part[name]
    part[path[-1]] = "forged"
    return forged


@pytest.mark.parametrize(
    ("path", "though_records_came"),
    [
        (("reports", "journey", "title", "en"), True),
        (("reports", "journey", "definitions", "wait_mean_s", "text", "zh-CN"), True),
        (("definitions", "nps", "title", "en"), True),
        (("queries", "kpi"), True),
        (("reports", "journey", "tables", "waits", "title", "en"), False),
        (("reports", "journey", "tables", "waits", "columns", 0, "title", "en"), False),
        (("reports", "journey", "tables", "waits", "rows", 0, "wait_s"), False),
        (("reports", "eta", "tables", "waits", "columns", 0, "kind"), False),
    ],
)
def test_a_forged_title_table_or_query_is_none_of_a_pack_computed_again(
    pack: dict[str, Any], path: tuple[Any, ...], though_records_came: bool
):
    pack["reports"] = {"journey": report_section(), "eta": report_section()}
    pack["queries"] = {"kpi": "SELECT 1"}
    forged = forge(pack, *path)

    def flaws(own: dict[str, Any], news: News) -> list[str]:
        return part_flaws(own, pack, news) + word_flaws(own, pack, news)

    assert flaws(pack, NOTHING_NEW) == flaws(pack, TWO_ORDERS) == []
    assert flaws(forged, NOTHING_NEW) != []
    assert bool(flaws(forged, TWO_ORDERS)) == though_records_came


def test_stocks_and_shifts_that_came_since_make_no_pack_wrong(pack: dict[str, Any]):
    pack["reports"] = {"need": report_section()}
    again = deepcopy(pack)
    again["reports"]["need"]["tables"]["waits"]["rows"][0]["wait_s"] = 900.0

    assert part_flaws(pack, again, NOTHING_NEW) + word_flaws(pack, again, NOTHING_NEW) == []


def test_a_report_that_there_is_not_was_put_in(pack: dict[str, Any]):
    forged = {**pack, "reports": {"awards": report_section()}}

    assert word_flaws(forged, pack, NOTHING_NEW) == ["there is no report awards"]


def test_a_text_that_was_changed_is_not_the_packs(pack: dict[str, Any], tmp_path: Path):
    write_files(pack, tmp_path / "out")
    pack = read_pack(tmp_path / "out" / "pack.json")
    assert text_flaws(pack, texts_beside(pack, tmp_path / "out")) == []
    page = tmp_path / "out" / "15-en.html"
    page.write_text(page.read_text(encoding="utf-8").replace("<main", "<main id='x'"), encoding="utf-8")
    assert text_flaws(pack, texts_beside(pack, tmp_path / "out")) == []
    page.write_text(page.read_text(encoding="utf-8").replace("missed", "met"), encoding="utf-8")

    (flaw,) = text_flaws(pack, texts_beside(pack, tmp_path / "out"))

    assert flaw.startswith("15-en.html is not the text of this pack")


def test_a_server_that_lacks_records_can_compare_nothing():
    mark = {"partitions": {"0": 10, "1": 5}}

    assert is_behind(mark, {"partitions": {"0": 10}})
    assert is_behind(mark, {"partitions": {"0": 9, "1": 5}})
    assert not is_behind(mark, {"partitions": {"0": 12, "1": 5, "2": 1}})


@pytest.mark.parametrize("text", ["no json", "[]", "{}", '{"kind": "fixtrail-pack", "schema": 99}', "\udcff"])
def test_another_file_is_no_pack(tmp_path: Path, text: str):
    file = tmp_path / "other.json"
    file.write_bytes(text.encode(errors="surrogateescape"))

    with pytest.raises(ExitError) as failure:
        read_pack(file)
    assert failure.value.exit_code == USAGE


def test_a_pack_without_its_parts_has_a_flaw_and_no_traceback(pack: dict[str, Any], tmp_path: Path):
    del pack["figures"]
    (tmp_path / "pack.json").write_text(json.dumps(pack))

    assert flaws_of(read_pack(tmp_path / "pack.json"))
