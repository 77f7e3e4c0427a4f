"""CSV exports in every dress, and how their rows are told apart."""

import gzip
from dataclasses import replace
from pathlib import Path

import pytest

from fixtrail.imports import csv_log, unpacking
from fixtrail.imports.errors import LogError
from fixtrail.imports.log import LogRow, read_log, scan_log
from fixtrail.imports.mapping import Mapping, load_mapping

TABLE = "工单,时间,车架号,步骤\nA,2026-03-01 08:00,V1,接车\nB,2026-03-01 08:05,V2,接车\nA,2026-03-01 09:00,,交车\n"
MAPPING = """
namespace = "dms"
[log]
format = "csv"
case = "工单"
activity = "步骤"
{log}
[time]
column = "时间"
zone = "Asia/Shanghai"
[fields]
vehicle_id = "{{车架号}}"
center_id = "sh-1"
[[event]]
type = "handoff"
match = {{ "步骤" = "交车" }}
{rule}
"""


def mapping_with(tmp_path: Path, log: str = "", rule: str = "") -> Mapping:
    file = tmp_path / "mapping.toml"
    file.write_text(MAPPING.format(log=log, rule=rule), encoding="utf-8")
    return load_mapping(file)


def rows_of(tmp_path: Path, data: bytes, log: str = "", rule: str = "") -> list[LogRow]:
    (tmp_path / "log.csv").write_bytes(data)
    return list(read_log(tmp_path / "log.csv", mapping_with(tmp_path, log, rule)))


def read_as(tmp_path: Path, data: bytes, log: str = "") -> tuple[str, str]:
    (tmp_path / "log.csv").write_bytes(data)
    layout = scan_log(tmp_path / "log.csv", mapping_with(tmp_path, log)).csv
    assert layout is not None
    return layout.encoding, layout.delimiter


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_encoding_and_delimiter_are_found_out(tmp_path, encoding, delimiter):
    rows = rows_of(tmp_path, TABLE.replace(",", delimiter).encode(encoding))

    assert [(row.line, row.case, row.activity, row.ordinal) for row in rows] == [
        (2, "A", "接车", 1),
        (3, "B", "接车", 1),
        (4, "A", "交车", 2),
    ]


def test_the_report_can_tell_how_the_file_was_read(tmp_path):
    assert read_as(tmp_path, TABLE.encode("gb18030")) == ("gb18030", ",")
    assert read_as(tmp_path, TABLE.encode("gbk"), 'encoding = "gbk"') == ("gbk", ",")


def test_chinese_text_that_begins_late_is_still_found(tmp_path, monkeypatch):
    monkeypatch.setattr(csv_log, "SAMPLE", 64)
    text = TABLE.replace("工单", "order").replace("时间", "at").replace("车架号", "vin").replace("步骤", "step")
    text = text.replace("接车", "in").replace("交车", "out") + "C,2026-03-01 10:00,V3,检查完成等待交车\n"
    file = tmp_path / "log.csv"
    file.write_bytes(text.encode("gb18030"))

    with file.open("rb") as stream:
        assert csv_log.sniff_encoding(stream) == "gb18030"


def test_an_encoding_that_can_only_be_guessed_must_be_said(tmp_path):
    data = TABLE.replace("接车", "Müller").encode("utf-8").replace("ü".encode(), b"\xfc")
    with pytest.raises(LogError, match="neither UTF-8 nor GB18030; say `encoding`"):
        rows_of(tmp_path, data)


def test_bytes_of_another_encoding_than_said_are_refused_before_any_row_is_used(tmp_path):
    with pytest.raises(LogError, match=r"log\.csv: after line \d+: the bytes are no utf-8"):
        rows_of(tmp_path, TABLE.encode() + b"C,\xff\xfe,V3,x\n", 'encoding = "utf-8"')


def test_a_stray_zero_byte_makes_no_utf_16(tmp_path):
    *_, last = rows_of(tmp_path, TABLE.encode() + "C,2026-03-01 10:00,V\x003,接车\n".encode())

    assert (last.case, last.columns["车架号"]) == ("C", "V\x003")


def test_of_bytes_that_are_no_text_no_encoding_is_said_twice(tmp_path):
    with pytest.raises(LogError, match=r"the bytes are no utf-16-be$"):
        rows_of(tmp_path, bytes(range(256)) * 100)


@pytest.mark.parametrize("end", ["", "\n"])
def test_a_quote_left_open_swallows_no_rows_in_silence(tmp_path, end):
    table = TABLE + 'C,2026-03-01 10:00,"V3,接车\nD,2026-03-01 10:00,V4,接车'
    with pytest.raises(LogError, match="line 5: a cell is quoted from there to the end of the file"):
        rows_of(tmp_path, (table + end).encode())


def test_a_quote_left_open_before_much_text_is_said_to_be_one(tmp_path):
    table = TABLE + 'C,2026-03-01 10:00,"V3,接车\n' + "D,2026-03-01 10:00,V4,接车\n" * 6000
    with pytest.raises(LogError, match=r"lines 5 to \d+: .* is a quote left open there\?"):
        rows_of(tmp_path, table.encode())


def test_quoted_cells_may_hold_delimiters_quotes_and_lines(tmp_path):
    table = '工单,时间,车架号,步骤\n"A,1",2026-03-01 08:00,"V""1","交\n车"\nB,2026-03-01 08:00,V2,交车\n'

    first, second = rows_of(tmp_path, table.encode())

    assert (first.case, first.columns["车架号"], first.activity) == ("A,1", 'V"1', "交\n车")
    assert (first.line, second.line) == (3, 4)


def test_other_quoting_is_a_matter_of_the_mapping(tmp_path):
    table = "工单;时间;车架号;步骤\n'A;1';2026-03-01;V1;\"x\\\"\n"

    (row,) = rows_of(tmp_path, table.encode(), 'quote = "\'"\ndelimiter = ";"')
    assert (row.case, row.activity) == ("A;1", '"x\\"')

    (row,) = rows_of(
        tmp_path, b"a|b|c|d\n\"A|x|V|'\n", 'quote = ""\ncolumns = ["工单", "时间", "车架号", "步骤"]\nskip_lines = 1'
    )
    assert (row.line, row.case, row.activity) == (2, '"A', "'")


def test_blank_cells_are_absent_and_blank_lines_no_rows(tmp_path):
    rows = rows_of(tmp_path, (TABLE + "\n,,,\nC, \u3000,-,交车\nD\n").encode(), 'empty = ["-"]')

    assert len(rows) == 5
    assert [sorted(set(row.columns) - set(rows[3].columns)) for row in rows[3:]] == [[], []]
    assert {name for name in rows[3].columns if not name.startswith("@")} == {"工单", "步骤"}
    assert {name for name in rows[4].columns if not name.startswith("@")} == {"工单"}


def test_a_row_with_more_cells_than_columns_says_so(tmp_path):
    rows = rows_of(tmp_path, (TABLE + "C,x,V3,交车,oops\nD,x,V4,交车,,\n").encode())

    assert [row.problem for row in rows] == [None, None, None, "more cells than the header has columns", None]


def test_columns_of_the_same_name_are_told_apart(tmp_path):
    (row,) = rows_of(tmp_path, "工单,时间,车架号,步骤,备注,,备注\nA,t,V,s,one,two,three\n".encode())

    assert (row.columns["备注"], row.columns["#6"], row.columns["备注#2"]) == ("one", "two", "three")


def test_missing_columns_are_told_with_those_there_are(tmp_path):
    with pytest.raises(LogError, match=r"does not have: 步骤, 车架号\. It has: 工单, 时间, VIN"):
        rows_of(tmp_path, "工单,时间,VIN\nA,t,V\n".encode())


def test_a_column_may_be_declared_as_optional(tmp_path):
    assert rows_of(tmp_path, "工单,时间,车架号\nA,t,V\n".encode(), 'optional_columns = ["步骤"]')[0].activity == ""


def test_scattered_rows_of_a_case_are_counted_in_the_order_of_the_file(tmp_path):
    rows = rows_of(
        tmp_path, TABLE.encode(), rule='fields = { order_id = "{@case}{@first}{@last}{@nth}{@nth_from_end}" }'
    )
    derived = ("@case", "@ordinal", "@first", "@last", "@nth", "@nth_from_end", "@line")

    assert [[row.columns[name] for name in derived] for row in rows] == [
        ["A", "1", "true", "false", "1", "1", "2"],
        ["B", "1", "true", "true", "1", "1", "3"],
        ["A", "2", "false", "true", "1", "1", "4"],
    ]


def test_the_nth_time_of_an_activity_is_known_from_both_ends(tmp_path):
    table = "工单,时间,车架号,步骤\n" + "A,t,V,检查\nA,t,V,维修\n" * 3

    rows = rows_of(tmp_path, table.encode(), rule='fields = { order_id = "{@nth}{@nth_from_end}" }')

    assert [(row.activity, row.columns["@nth"], row.columns["@nth_from_end"]) for row in rows] == [
        (activity, nth, from_end) for nth, from_end in ("13", "22", "31") for activity in ("检查", "维修")
    ]


def test_a_log_with_the_newest_row_on_top_is_counted_from_below(tmp_path):
    upside_down = "\n".join([TABLE.splitlines()[0], *reversed(TABLE.splitlines()[1:])])

    rows = rows_of(tmp_path, upside_down.encode(), 'order = "newest_first"')

    assert [(row.case, row.ordinal, row.activity) for row in rows] == [
        ("A", 2, "交车"),
        ("B", 1, "接车"),
        ("A", 1, "接车"),
    ]
    assert [row.columns["@first"] for row in rows] == ["false", "true", "true"]


def test_a_column_of_the_whole_case_is_filled_in_all_its_rows(tmp_path):
    rows = rows_of(tmp_path, TABLE.encode(), 'case_columns = ["车架号"]')

    assert [row.columns["车架号"] for row in rows] == ["V1", "V2", "V1"]


def test_packed_csv_reads_as_well(tmp_path):
    assert rows_of(tmp_path, gzip.compress(TABLE.encode("gb18030"))) == rows_of(tmp_path, TABLE.encode())


@pytest.mark.parametrize("format", ["csv", "xes"])
def test_a_packed_log_of_nothing_but_line_ends_is_not_read_to_its_end(tmp_path, monkeypatch, format):
    monkeypatch.setattr(unpacking, "SMALL_BYTES", 1 << 20)
    start = {"csv": TABLE.encode(), "xes": b"<log>"}[format]
    (tmp_path / "log.gz").write_bytes(gzip.compress(start + b"\n" * (16 << 20)))
    mapping = mapping_with(tmp_path)
    settings = mapping.log.model_copy(update={"format": format})

    with pytest.raises(LogError, match=r"log\.gz: it unpacks to more than 200 times its size.*unpack it \(gunzip\)"):
        scan_log(tmp_path / "log.gz", replace(mapping, log=settings))


@pytest.mark.parametrize(
    ("data", "error_text"),
    [
        (b"", "the log is empty"),
        (b"PK\x03\x04rest", "this is a zip or Excel file; export it as CSV or XES"),
        ("工单,时间,车架号,步骤\n".encode() + b'"' + b"x" * 200_000, "line 2: field larger than field limit"),
        (b"\x1f\x8bno gzip", "the gzip file is damaged"),
    ],
)
def test_what_is_no_csv_is_refused(tmp_path, data, error_text):
    with pytest.raises(LogError, match=error_text):
        rows_of(tmp_path, data)


def test_an_endless_line_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(csv_log, "LONGEST_LINE", 1000)

    with pytest.raises(LogError, match="a line of more than"):
        rows_of(tmp_path, TABLE.encode() + b"x," * 1000)


def test_a_missing_log_is_a_log_error(tmp_path):
    with pytest.raises(LogError, match=r"nowhere\.csv: No such file"):
        list(read_log(tmp_path / "nowhere.csv", mapping_with(tmp_path)))
