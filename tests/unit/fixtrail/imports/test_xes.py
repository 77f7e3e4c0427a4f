"""XES logs as other tools write them, and XML that means harm."""

import gzip
import tracemalloc
from io import BytesIO
from pathlib import Path
from textwrap import dedent

import pytest

from fixtrail.imports import xes
from fixtrail.imports.errors import LogError
from fixtrail.imports.log import read_log
from fixtrail.imports.mapping import Mapping, load_mapping
from fixtrail.imports.xes import XesReader

TWO_CASES = """\
<log {namespace}>
  <extension name="Concept" prefix="concept" uri="http://www.xes-standard.org/concept.xesext"/>
  <global scope="event"><string key="concept:name" value="__INVALID__"/><string key="rare" value=""/></global>
  <string key="source" value="tablet"/>
  <trace>
    <string key="concept:name" value="A"/>
    <event>
      <string key="concept:name" value="Register"/>
      <date key="time:timestamp" value="2026-03-01T08:00:00+08:00"/>
      <string key="part" value="P-1"><int key="quantity" value="2"/></string>
      <list key="faults"><values><string key="fault" value="F1"/><string key="fault" value="F2"/></values></list>
    </event>
    <event><string key="concept:name" value="Archive"/></event>
    <string key="vin" value="LSV1"/>
  </trace>
  <trace><string key="concept:name" value="B"/></trace>
</log>
"""


def rows_of(text: str | bytes) -> list[dict[str, str]]:
    data = text.encode() if isinstance(text, str) else text
    return [columns for _, columns in XesReader(BytesIO(data), frozenset({"log:source"}))]


@pytest.fixture
def mapping(tmp_path) -> Mapping:
    file = tmp_path / "mapping.toml"
    file.write_text(
        dedent("""\
            namespace = "x"
            [fields]
            vehicle_id = "{case:vin}"
            center_id = "c"
            [[event]]
            type = "handoff"
            match = { "concept:name" = "Archive", "@last" = true }
            """)
    )
    return load_mapping(file)


@pytest.mark.parametrize(
    "namespace",
    [
        "",
        'xmlns="http://www.xes-standard.org/" xes.version="1.0"',
        'xmlns="http://www.xes-standard.org/2.0" xes.version="2.0"',
    ],
    ids=["no namespace", "1.0", "2.0"],
)
def test_an_event_has_its_own_its_traces_and_the_logs_attributes(namespace):
    first, second = rows_of(TWO_CASES.format(namespace=namespace))

    assert first == {
        "log:source": "tablet",
        "case:concept:name": "A",
        "case:vin": "LSV1",
        "concept:name": "Register",
        "time:timestamp": "2026-03-01T08:00:00+08:00",
        "part": "P-1",
        "part/quantity": "2",
        "faults/fault": "F1;F2",
    }
    assert second == {"log:source": "tablet", "case:concept:name": "A", "case:vin": "LSV1", "concept:name": "Archive"}


def test_of_the_logs_own_attributes_rows_have_only_those_that_the_mapping_names():
    """BPIC 2013: a header of 22,433 attributes, 65,533 events. Copied into each it was not read in two minutes."""
    header = "".join(f'<string key="n{number}" value="{number}"/>' for number in range(300))
    text = TWO_CASES.format(namespace="").replace('<string key="source"', f'{header}<string key="source"')
    reader = XesReader(BytesIO(text.encode()), frozenset({"log:source", "log:n7"}))

    for _, columns in reader:
        assert {name for name in columns if name.startswith("log:")} == {"log:source", "log:n7"}
    assert "log:n299" in reader.columns


def test_declared_attributes_are_columns_and_empty_traces_are_counted():
    reader = XesReader(BytesIO(TWO_CASES.format(namespace="").encode()))
    assert len(list(reader)) == 2

    assert "rare" in reader.columns
    assert reader.empty_cases == 1


def test_a_namespace_prefix_makes_no_difference():
    event = '<x:event><x:string key="a" value="1"/></x:event>'

    assert rows_of(f'<x:log xmlns:x="http://www.xes-standard.org/"><x:trace>{event}</x:trace></x:log>') == [{"a": "1"}]


def test_events_without_a_trace_are_rows_too():
    assert rows_of('<log><event><string key="order" value="1"/></event><event/></log>') == [{"order": "1"}, {}]


@pytest.mark.parametrize("encoding", ["gb18030", "gbk", "utf-16", "iso-8859-1", "big5"])
def test_any_declared_encoding_is_read(encoding):
    name = "Überholen" if encoding == "iso-8859-1" else "接車"
    text = f'<?xml version="1.0" encoding="{encoding}"?><log><event><string key="a" value="{name}"/></event></log>'

    assert rows_of(text.encode(encoding)) == [{"a": name}]


@pytest.mark.parametrize(
    ("text", "error_text"),
    [
        ('<!DOCTYPE log [<!ENTITY a "b">]><log/>', "document type"),
        ('<!DOCTYPE log SYSTEM "file:///etc/passwd"><log/>', "document type"),
        ("<log><trace>", "not well-formed XML: no element found"),
        ("<log><trace></log>", "not well-formed XML: mismatched tag"),
        ("<html><body/></html>", "the outermost element is <html>, not <log>"),
        ("", "not well-formed XML: no element found"),
        ('<?xml version="1.0" encoding="klingon"?><log/>', "unknown encoding klingon"),
        (b'<?xml version="1.0" encoding="gb18030"?><log>\xff\xff</log>', "the bytes are no gb18030"),
        (b'<log><event><string key="a" value="\xff"/></event></log>', "not well-formed XML"),
    ],
)
def test_what_is_no_xes_is_refused(text, error_text):
    with pytest.raises(LogError, match=error_text):
        rows_of(text)


def test_a_billion_laughs_are_refused_at_once():
    entities = "".join(f'<!ENTITY l{n + 1} "{f"&l{n};" * 10}">' for n in range(10))

    with pytest.raises(LogError, match="such XML is refused"):
        rows_of(
            f'<!DOCTYPE log [<!ENTITY l0 "ha">{entities}]><log><event><string key="a" value="&l10;"/></event></log>'
        )


def test_an_endless_element_is_refused(monkeypatch):
    monkeypatch.setattr(xes, "LONGEST_ELEMENT", 1 << 18)

    with pytest.raises(LogError, match="an element of more than"):
        rows_of('<log><event><string key="a" value="' + "x" * (1 << 20))


def test_an_endless_case_is_refused(monkeypatch):
    monkeypatch.setattr(xes, "LONGEST_CASE", 1 << 18)

    with pytest.raises(LogError, match="a case of more than"):
        rows_of("<log><trace>" + "<event/>" * (1 << 17))


def test_a_small_file_that_would_fill_the_memory_is_refused():
    many = b"<log><trace>" + b"<event/>" * (xes.MOST_EVENTS + 1) + b"</trace></log>"
    with pytest.raises(LogError, match="events"):
        list(XesReader(BytesIO(many)))

    # Each key is as long as all around it together.
    deep = b"<log><trace><event>" + b'<list key="abcdefgh">' * 20_000
    with pytest.raises(LogError, match="deep"):
        list(XesReader(BytesIO(deep)))


def test_memory_does_not_grow_with_the_log():
    trace = (
        b'<trace><string key="concept:name" value="A"/>'
        + b'<event><string key="a" value="1"/></event>' * 20
        + b"</trace>"
    )

    def peak(traces: int) -> int:
        stream = BytesIO(b"<log>" + trace * traces + b"</log>")
        tracemalloc.start()
        assert sum(1 for _ in XesReader(stream)) == 20 * traces
        size = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return size

    assert peak(1000) < 2 * peak(200)


def test_packed_and_plain_logs_read_alike(tmp_path, mapping):
    text = TWO_CASES.format(namespace="").replace(
        "</log>", '<trace><string key="concept:name" value="C"/><event/></trace></log>'
    )
    text = text.replace("<event/>", '<event><date key="time:timestamp" value="2026-03-01T09:00:00Z"/></event>')
    (tmp_path / "log.xes").write_text(text)
    (tmp_path / "packed.bin").write_bytes(gzip.compress(text.encode()))

    rows = list(read_log(tmp_path / "log.xes", mapping))

    assert rows == list(read_log(tmp_path / "packed.bin", mapping))
    assert [(row.case, row.ordinal, row.columns["@first"], row.columns["@last"]) for row in rows] == [
        ("A", 1, "true", "false"),
        ("A", 2, "false", "true"),
        ("C", 1, "true", "true"),
    ]


def test_a_cut_off_gzip_file_is_refused(tmp_path: Path, mapping):
    packed = gzip.compress(TWO_CASES.format(namespace="").encode())
    (tmp_path / "log.xes.gz").write_bytes(packed[:-20])

    with pytest.raises(LogError, match=r"log\.xes\.gz: the gzip file is damaged or cut off"):
        list(read_log(tmp_path / "log.xes.gz", mapping))


def test_a_column_that_the_log_lacks_is_told_with_those_it_has(tmp_path, mapping):
    (tmp_path / "log.xes").write_text('<log><trace><event><string key="VIN" value="1"/></event></trace></log>')

    with pytest.raises(
        LogError, match=r"does not have: case:concept:name, case:vin, concept:name, time:timestamp\. It has: VIN"
    ):
        list(read_log(tmp_path / "log.xes", mapping))
