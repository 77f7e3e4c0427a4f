"""A mapping file that cannot work is refused before anything is read, and the message names the key."""

from pathlib import Path

import pytest

from fixtrail.imports.mapping import load_mapping
from schemas.toml_file import TomlFileError
from tests.paths import ROOT

HEAD = """
namespace = "dms"
[log]
format = "csv"
case = "order"
[time]
column = "at"
[fields]
vehicle_id = "{vin}"
center_id = "sh-1"
"""
CHECK_IN = """
[[event]]
type = "check_in"
fields = { customer_id = "{customer}", lane = "standard" }
"""


def load(tmp_path: Path, text: str):
    file = tmp_path / "mapping.toml"
    file.write_text(text, encoding="utf-8")
    return load_mapping(file)


def refused(tmp_path: Path, text: str) -> str:
    with pytest.raises(TomlFileError) as refusal:
        load(tmp_path, text)
    return str(refusal.value)


def test_a_mapping_knows_the_columns_it_needs(tmp_path):
    mapping = load(tmp_path, HEAD + CHECK_IN)

    assert mapping.columns == {"order", "at", "vin", "customer"}


@pytest.mark.parametrize(
    ("text", "error_text"),
    [
        (HEAD + CHECK_IN + "alsa = true", "event 1.alsa: unknown key"),
        (HEAD.replace("case =", "cases ="), "log.cases: unknown key"),
        (HEAD.replace('namespace = "dms"', "") + CHECK_IN, "namespace: missing"),
        (HEAD.replace('"dms"', '"a:b"') + CHECK_IN, "namespace: String should match pattern"),
        (HEAD, "event: missing"),
        ("event = []" + HEAD, "event: at least one and at most 99 rules"),
        (HEAD.replace('case = "order"', "") + CHECK_IN, "log.case: missing"),
        (HEAD + '[[event]]\ntype = "checkin"', "event 1.type: Input should be 'check_in'"),
        (HEAD + '[[event]]\ntype = "survey"', "event 1 (survey).fields: score missing"),
        (
            HEAD + CHECK_IN.replace("lane", "lanes"),
            "event 1 (check_in).fields.lanes: no such field; there are order_id",
        ),
        (HEAD + CHECK_IN.replace('"standard"', '"fast"'), "fields.lane: 'fast' is none of quick, standard"),
        (HEAD + CHECK_IN.replace('"standard"', "1"), "fields.lane: '1' is none of quick, standard"),
        (HEAD + CHECK_IN.replace('"standard"', "true"), "fields.lane: true and false are not for a text"),
        (
            HEAD + CHECK_IN.replace('"standard"', '{ column = "x", map = { A = "qick" } }'),
            "fields.lane.map.A: 'qick' is",
        ),
        (HEAD + CHECK_IN.replace('"standard"', '{ column = "x", mop = {} }'), "fields.lane.mop: unknown key"),
        (HEAD + CHECK_IN.replace('"standard"', '{ colum = "x" }'), "fields.lane.colum: unknown key"),
        (
            HEAD + CHECK_IN.replace('"standard"', "{ bad = 'omit' }"),
            "fields.lane: give one of column, template and value",
        ),
        (HEAD + CHECK_IN.replace('"standard"', '{ column = "x", split = "," }'), "fields.lane: split is for lists"),
        (HEAD + CHECK_IN.replace('"standard"', '{ column = "x", extract = "(" }'), "fields.lane.extract: no regular"),
        (HEAD + CHECK_IN.replace('"standard"', '["quick"]'), "fields.lane: takes no list"),
        (HEAD + CHECK_IN.replace("{customer}", "{customer"), "fields.customer_id: single { in '{customer'"),
        (HEAD + CHECK_IN.replace("{customer}", "{@nht}"), "@nht: no such column; the importer adds @case"),
        (HEAD.replace("center_id", "centre") + CHECK_IN, "fields.centre: no event type has this field"),
        (HEAD + CHECK_IN.replace("{ customer", '{ event_id = "1", customer'), "fields.event_id: no such field"),
        (HEAD.replace('column = "at"', "") + CHECK_IN, "event 1 (check_in).time: no time column"),
        (HEAD.replace('"at"', '"at"\nzone = "Asia/Shangai"') + CHECK_IN, "time.zone: 'Asia/Shangai' is no time zone"),
        (HEAD.replace('"at"', '"at"\nformat = "dd.mm.yyyy"') + CHECK_IN, "time.format: 'dd.mm.yyyy' is no time format"),
        (HEAD.replace('"at"', '"at"\nformat = "%Y-%Q"') + CHECK_IN, "time.format: '%Y-%Q' is no time format"),
        (HEAD.replace('"at"', '"at"\ntemplate = "{x}"') + CHECK_IN, "time: give `column` or `template`, not both"),
        (HEAD.replace('"csv"', '"csv"\nencoding = "gbk8"') + CHECK_IN, "log.encoding: 'gbk8' is no encoding"),
        (HEAD + CHECK_IN + 'when = { column = "x" }', "event 1.when 1: a condition needs equals, in, regex"),
        (HEAD + CHECK_IN + "when = { equals = 1 }", "event 1.when 1: a condition is either `column` with tests"),
        (HEAD + CHECK_IN + 'when = { column = "x", regx = "a" }', "event 1.when 1.regx: unknown key"),
        (HEAD + CHECK_IN + 'when = { column = "x", regex = "(" }', "event 1 (check_in).when 1.regex: no regular"),
        (HEAD + CHECK_IN + '[[ignore]]\nmatch = { x = "1" }', "ignore 1.reason: missing"),
        ("namespace = ", "not TOML"),
        (
            HEAD + '[[event]]\ntype = "diagnosis"\nfields = { phase = "completed", quote = "x" }',
            "quote: expected a table",
        ),
        (
            HEAD + '[[event]]\ntype = "diagnosis"\nfields = { phase = "completed", quote = { currency = "CNY" } }',
            "fields.quote: labour_hours, labour_rate, parts missing",
        ),
    ],
)
def test_a_mistake_is_named_with_its_key(tmp_path, text, error_text):
    assert error_text in refused(tmp_path, text)


def test_all_unknown_keys_are_told_at_once(tmp_path):
    lines = refused(tmp_path, HEAD.replace("case", "cases") + CHECK_IN + "alsa = true\nwhere = 1").splitlines()

    assert len(lines) == 3
    assert all("mapping.toml: " in line and ": unknown key" in line for line in lines)


def test_a_missing_mapping_file_is_named(tmp_path):
    with pytest.raises(TomlFileError, match=r"nowhere\.toml: No such file"):
        load_mapping(tmp_path / "nowhere.toml")


@pytest.mark.parametrize("file", sorted((ROOT / "examples" / "mappings").glob("*.toml")), ids=str)
def test_the_examples_are_valid(file):
    assert load_mapping(file).rules


def test_the_mapping_in_the_documentation_is_valid(tmp_path):
    text = (ROOT / "docs" / "import.md").read_text(encoding="utf-8")
    blocks = [part.partition("```")[0] for part in text.split("```toml\n")[1:]]

    assert len(load(tmp_path, blocks[0]).rules) == 2
    for line in blocks[1].splitlines():
        assert load(tmp_path, blocks[0] + '[[event]]\ntype = "handoff"\n' + line).rules
    for block in blocks[2:]:
        assert load(tmp_path, blocks[0] + block).rules


# Reference events

STOCK = """namespace = "erp"
[log]
case = "part"
[time]
column = "at"
zone = "Asia/Shanghai"
[[event]]
type = "stock_level"
fields = { center_id = "c1", part_no = "{part}", on_hand = "{n}" }
"""


def test_reference_events_go_to_their_own_topic_by_their_types_or_as_the_file_says(tmp_path):
    for text in (STOCK, 'kind = "reference"\n' + STOCK):
        assert load(tmp_path, text).topic.name == "reference-events"


def test_a_mapping_makes_events_of_one_kind(tmp_path):
    mixed = STOCK + '[[event]]\ntype = "handoff"\nfields = { vehicle_id = "v", center_id = "c1" }\n'

    assert "event 2 (handoff): a mapping of kind reference makes stock_level" in refused(tmp_path, mixed)
    assert "a mapping of kind orders makes check_in" in refused(tmp_path, 'kind = "orders"\n' + STOCK)
