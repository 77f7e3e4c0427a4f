"""One report in all its forms: JSON, CSV, page, picture, terminal. Nothing that was sent is markup or code in them."""

import csv
import io
import json
import math
import re
from datetime import UTC, date, datetime
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from fixtrail.clickhouse.literals import literal
from fixtrail.reports import catalogue, command, queries
from fixtrail.reports.forms.document import as_csv, as_json, figures_sheet
from fixtrail.reports.forms.page import render_html, render_page, style
from fixtrail.reports.forms.pictures import as_png, as_svg
from fixtrail.reports.forms.terminal import print_report
from fixtrail.reports.forms.words import format_value
from fixtrail.reports.kpi.charts import charts_of
from fixtrail.reports.report import (
    Bilingual,
    Chart,
    Column,
    Definition,
    Figure,
    Interval,
    Report,
    Sheet,
    plain,
    sheet_of,
)
from fixtrail.terminal.printable import xml_text
from runtime.failure import ExitError

EVIL = "<script>alert(1)</script>&\"'"
DEFINITIONS = {"nps": Definition(Bilingual("净推荐值", "NPS"), Bilingual("定义", "what it means"), "nps", "higher")}


def draw(locale):
    from fixtrail.reports.forms.pictures import picture

    figure, axes = picture(4, 2)
    axes.barh([EVIL, "等配件"], [1, 2])
    axes.set_xlabel({"zh-CN": "分钟", "en": "minutes"}[locale])
    return figure


@pytest.fixture
def report():
    columns = (
        Column("part_no", Bilingual("配件", "part")),
        Column("waited_s", Bilingual("等待", "waited"), "minutes"),
        Column("share", Bilingual("占比", "share"), "share"),
    )
    rows = (
        {"part_no": EVIL, "waited_s": 600.0, "share": 0.25},
        {"part_no": "=1+1", "waited_s": None, "share": math.nan},
    )
    figures = (
        Figure("nps", 71.234567, 100, 120, Interval(60.0, 80.0), key=EVIL, by="center", target=90, status="missed"),
        Figure("nps", None, 0, 3, key=None, by="center"),
    )
    sheet = Sheet("parts", Bilingual("配件", "Parts"), columns, rows)
    chart = Chart("waited", Bilingual("等待" + EVIL, "Waited" + EVIL), "parts", draw)
    title, question = Bilingual("报告" + EVIL, "Report" + EVIL), Bilingual("问题？", "Question?")
    scope = {"from": None, "source": EVIL}
    return Report(
        "parts", title, question, scope, figures, (sheet,), (chart,), (Bilingual("方法", "Method"),), DEFINITIONS
    )


def test_json_has_full_precision_and_null_for_what_is_not_there(report):
    document = json.loads(json.dumps(as_json(report), allow_nan=False))

    assert document["figures"][0]["value"] == 71.234567 and document["figures"][0]["key"] == EVIL
    assert document["tables"]["parts"][1] == {"part_no": "=1+1", "waited_s": None, "share": None}
    assert document["title"] == {"zh-CN": "报告" + EVIL, "en": "Report" + EVIL}


def test_csv_has_every_row_and_no_formula(report):
    rows = list(csv.DictReader(io.StringIO(as_csv(report.sheets[0]))))

    assert rows[0] == {"part_no": EVIL, "waited_s": "600.0", "share": "0.25"}
    assert rows[1] == {"part_no": "'=1+1", "waited_s": "", "share": ""}
    assert [row["value"] for row in csv.DictReader(io.StringIO(as_csv(figures_sheet(report))))] == ["71.234567", ""]


@pytest.mark.parametrize(
    "value",
    [
        *("=1+1", "+1", "-1", "@SUM(A1)", "\t=1+1", "\r=1+1", "\n=1+1", " =1+1", "\u3000=1+1", "\ufeff=1+1", "\x00=1"),
        *("＝1+1", "＋1", "－1", "＠SUM(A1)", "﹦1", "\tx", "\r\nx"),
    ],
)
def test_no_text_is_a_formula_in_csv(value):
    sheet = Sheet("s", Bilingual("s", "s"), (Column("x", Bilingual("x", "x")),), ({"x": value}, {"x": [value, "y"]}))

    [[alone], [listed]] = list(csv.reader(io.StringIO(as_csv(sheet), newline="")))[1:]
    text = value.replace("\r\n", "\n").replace("\r", "\n")
    text = text.replace("\x00", "\ufffd")
    assert alone == f"'{text}"
    assert listed == f"'{text}|y"


def test_no_name_in_a_map_is_a_formula_in_csv():
    sheet = Sheet("s", Bilingual("s", "s"), (Column("x", Bilingual("x", "x")),), ({"x": {"=1+1": 2}},))

    assert as_csv(sheet) == "x\n'=1+1=2\n"


def test_a_line_break_in_a_text_begins_no_row_in_csv():
    sheet = Sheet("s", Bilingual("s", "s"), (Column("x", Bilingual("x", "x")),), ({"x": "a\r=1+1"}, {"x": "b\r\n=1+1"}))

    assert as_csv(sheet) == 'x\n"a\n=1+1"\n"b\n=1+1"\n'


def test_lists_of_negative_numbers_stay_so_in_csv():
    sheet = Sheet("s", Bilingual("s", "s"), (Column("x", Bilingual("x", "x")),), ({"x": [-1, 2]}, {"x": ["a", "=b"]}))

    assert as_csv(sheet) == "x\n-1|2\na|'=b\n"


def test_negative_numbers_stay_numbers_in_csv():
    sheet = Sheet("s", Bilingual("", ""), (Column("x", Bilingual("", "")),), ({"x": -3.5},))

    assert as_csv(sheet) == "x\n-3.5\n"


@pytest.mark.parametrize("locale", ["zh-CN", "en"])
def test_a_page_holds_no_script_no_inline_style_and_nothing_from_elsewhere(report, locale):
    """So it may stand under the strictest Content-Security-Policy."""
    fragment = render_html(report, locale)

    assert "<script" not in fragment and " style=" not in fragment and "<style" not in fragment
    assert not re.search(r"\son\w+=", re.sub(r'"[^"]*"', '""', fragment))
    assert not re.search(r'(src|href)="(?!#)', fragment) and "@import" not in style() and "url(" not in style()
    assert f'lang="{locale}"' in fragment and {"zh-CN": "未达标", "en": "missed"}[locale] in fragment


def test_a_page_of_its_own_is_one_file(report):
    page = render_page(report, "en")

    assert page.startswith("<!doctype html>") and "@media print" in page
    assert not re.search(r'(src|href)="(?!#)', page)
    assert page.count("<script") == 0


def test_a_picture_is_well_formed_named_and_the_same_each_time(report):
    (chart,) = report.charts
    svg = as_svg(chart, "en")
    tree = ElementTree.fromstring(svg)

    assert svg == as_svg(chart, "en")
    assert tree.get("role") == "img" and tree.get("aria-label") == "Waited" + EVIL
    texts = {"".join(text.itertext()).strip() for text in tree.iter("{http://www.w3.org/2000/svg}text")}
    assert {"minutes", "等配件"} <= texts, "text stays text"
    assert not any(element.get("style") for element in tree.iter())
    ids = [element.get("id") for element in tree.iter() if element.get("id")]
    assert len(set(ids)) == len(ids) and all(id_.startswith("waited-") for id_ in ids)
    assert as_png(chart)[:8] == b"\x89PNG\r\n\x1a\n"


def test_a_picture_in_a_file_has_its_title_in_it(report):
    assert "Waited" in "".join(ElementTree.fromstring(as_svg(report.charts[0], "en", titled=True)).itertext())


# A wrong formula of TeX, what XML cannot hold, and what turns the direction.
HOSTILE = ("$\\frac{$", "$x^^$", "\x00\x1b]0;x\x07\x0c\ufffe", "\u202ex", "</text><script>alert(1)</script>", "x" * 256)


@pytest.mark.parametrize("name", HOSTILE)
def test_a_picture_can_hold_any_name(name):
    def draw(locale):
        from fixtrail.reports.forms.pictures import picture

        drawing, axes = picture(4, 2)
        axes.barh([name], [1], label=name)
        axes.legend()
        return drawing

    chart = Chart("c", Bilingual("图", name), "s", draw)
    tree = ElementTree.fromstring(as_svg(chart, "en", titled=True))

    assert tree.get("aria-label") == xml_text(name) and "script" not in {element.tag for element in tree.iter()}
    assert as_png(chart, "en")[:8] == b"\x89PNG\r\n\x1a\n"


def test_a_page_in_a_file_loads_and_runs_nothing(report):
    assert "Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\"" in render_page(report)


def test_a_table_in_a_file_has_no_control_characters():
    sheet = Sheet(
        "s", Bilingual("表", "s"), (Column("name", Bilingual("名", "n")),), ({"name": "a\x00\x1b[31m\tb\nc"},)
    )

    assert as_csv(sheet) == 'name\n"a\ufffd\ufffd[31m\tb\nc"\n'


def test_the_terminal_shows_what_was_sent_as_text(report):
    out = Console(file=io.StringIO(), width=200)
    print_report(report, out)
    text = out.file.getvalue()

    assert "71.2" in text and "60.0 to 80.0" in text and "n 100 of 120" in text and "missed" in text
    assert "10.0 min" in text and "25.0 %" in text and "[bold]" not in text


def test_headline_figures_are_drawn_by_cut_and_over_time():
    def figure(key, by):
        return Figure("nps", 70.0, 50, 60, Interval(60.0, 80.0), by=by, key=key, target=90)

    for by, keys in (("center", ["C1", None, "C3"]), ("week", ["2026-07-06", "2026-07-13"])):
        sheets, (chart,) = charts_of([figure(key, by) for key in keys], {"all": Bilingual("全部", "all")})
        assert [row["key"] for row in sheets[0].rows] == keys
        assert ElementTree.fromstring(as_svg(chart, "en")) is not None
    assert charts_of([figure("C1", "center")], {}) == ((), ())


# Values


def test_values_become_those_of_json():
    mixed = [np.int64(3), pd.NA, pd.NaT, np.bool_(True)]

    assert plain({"a": np.float64(1.5), 2: mixed}) == {"a": 1.5, "2": [3, None, None, True]}
    assert plain(pd.Timestamp("2026-07-06T01:02:03Z")) == "2026-07-06T01:02:03+00:00"
    assert plain(date(2026, 7, 6)) == "2026-07-06" and plain(math.inf) is None
    assert plain(Bilingual("甲", "a")) == {"zh-CN": "甲", "en": "a"}


def test_a_frame_becomes_a_sheet_of_the_columns_asked_for():
    frame = pd.DataFrame({"a": [1, 2], "b": [math.nan, 0.5], "c": ["x", "y"]})
    sheet = sheet_of("s", Bilingual("", ""), (Column("b", Bilingual("", "")), Column("a", Bilingual("", ""))), frame)

    assert sheet.rows == ({"b": None, "a": 1}, {"b": 0.5, "a": 2})


@pytest.mark.parametrize(
    ("value", "kind", "text"),
    [
        (90.0, "minutes", "1.5 min"), (0.123, "share", "12.3 %"), (None, "share", "–"), (math.nan, "count", "–"),
        (1234.0, "count", "1,234"), (0.0004, "p", "< 0.001"), (True, "text", "yes"), (["a", "b"], "text", "a, b"),
        (-3.25, "nps", "-3.2"),
    ],
)  # fmt: skip
def test_values_are_shown_as_their_kind_is_read(value, kind, text):
    assert format_value(value, kind) == text


# Queries


def test_a_query_that_stands_on_another_one_is_one_statement():
    text = queries.text_of("journey_voices")

    assert text.startswith("WITH visits AS\n(") and len(re.findall(r"^WITH", text, re.MULTILINE)) == 2
    assert {"limits", "since", "until", "by", "centers"} <= queries.parameters_of(text)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, ""), ("a\tb\\c", "a\\tb\\\\c"), (date(2026, 7, 6), "2026-07-06"), (3, "3"), ((), "[]"),
        (["it's", "a\\b", "c\n"], "['it\\'s','a\\\\b','c\\n']"),
        ({"q": [1, 2]}, "{'q':[1,2]}"), ([0.5, 1.0], "[0.5,1.0]"),
    ],
)  # fmt: skip
def test_parameters_are_written_as_clickhouse_reads_them(value, text):
    assert literal(value) == text


def test_every_query_begins_with_its_question():
    for name, question in queries.questions().items():
        assert question.endswith("?") and len(question) > 20, name


def test_every_report_can_be_built():
    for name in catalogue.REPORTS:
        assert callable(catalogue.builder(name))
    with pytest.raises(ExitError, match="there is no report"):
        catalogue.builder("weather")


# The command


def test_several_tables_and_pictures_go_into_files_beside_the_first(report, tmp_path):
    lines = []
    forms = command.ReportForms(csv=tmp_path / "r.csv", svg=tmp_path / "r.svg", locale="en")
    command.deliver(report, forms, lines.append)

    assert sorted(file.name for file in tmp_path.iterdir()) == ["r-parts.csv", "r.csv", "r.svg"]
    assert lines and lines[0].count("written") == 3


def test_one_picture_has_the_table_behind_it(report, tmp_path):
    command.deliver(report, command.ReportForms(csv=tmp_path / "r.csv", chart="waited"), print)

    assert (tmp_path / "r.csv").read_text(encoding="utf-8-sig").startswith("part_no,")
    with pytest.raises(ExitError, match="no chart 'x'; it has waited"):
        command.deliver(report, command.ReportForms(png=tmp_path / "r.png", chart="x"), print)


def test_the_list_names_reports_and_queries(capsys):
    command.list_reports(print)
    output = capsys.readouterr().out

    assert "kpi" in output and "visits" in output and output.count("?") >= 10


def test_now_is_the_clock_of_the_command():
    assert abs((command.read_options(None, None, None, None).now - datetime.now(UTC)).total_seconds()) < 60
