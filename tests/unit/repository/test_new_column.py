"""Recipe "a column of orders" (docs/recipes.md), followed for a made-up figure in a copy of the product."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.paths import ROOT

PACKAGES = ("schemas", "runtime", "streams", "sinks", "fixtrail", "analytics")
CODE_FILES = 4

# File, the line before the new one, the new line.
EDITS = (
    ("schemas/facts.py", "    stockouts: Count\n", "    milestone_count: Count\n"),
    (
        "streams/journey/facts.py",
        '        "version": version,\n',
        '        "milestone_count": len(visit.timeline),\n',
    ),
)
MIGRATION = "analytics/migrations/9999_milestone_count.sql"
SQL = "ALTER TABLE fixtrail_raw.journeys ADD COLUMN IF NOT EXISTS milestone_count UInt32 DEFAULT 0;\n"

EVENTS = ROOT / "tests" / "examples"

IN_ALL_ANSWERS = """
import json, sys
import orjson
from fixtrail.web.api.order import Order, order_at
from schemas.decode import decode_event
from schemas.facts import JourneyFact
from sinks.clickhouse.fact_rows import JOURNEYS, FactRows
from sinks.clickhouse.keyed_hash import KeyedHash
from streams.journey.batch import journey_facts

(fact,) = journey_facts([decode_event(open(sys.argv[1], "rb").read())], None)
row = FactRows(KeyedHash(b"not a secret, a test's")).journey_row(fact)
order = order_at(JourneyFact.model_validate(fact), 0, personal=False)
print(json.dumps({
    "row": dict(zip(JOURNEYS.columns, row, strict=True))["milestone_count"],
    "order": order.model_dump(mode="json")["milestone_count"],
    "document": Order.model_json_schema()["properties"]["milestone_count"]["type"],
}))
"""


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    for package in PACKAGES:
        shutil.copytree(ROOT / package, tmp_path / package)
    for name, before, line in EDITS:
        text = (tmp_path / name).read_text(encoding="utf-8")
        assert text.count(before) >= 1, f"{name} no longer has {before!r}"
        (tmp_path / name).write_text(text.replace(before, before + line, 1), encoding="utf-8")
    (tmp_path / MIGRATION).write_text(SQL, encoding="utf-8")
    return tmp_path


def run(copy: Path, *arguments: str) -> bytes:
    result = subprocess.run([sys.executable, *arguments], cwd=copy, capture_output=True, timeout=60)
    assert result.returncode == 0, result.stderr.decode()
    return result.stdout


def touched(copy: Path) -> set[str]:
    """The files of the copy that differ from the product's."""
    files = (file for package in PACKAGES for file in (copy / package).rglob("*") if file.suffix in {".py", ".sql"})
    names = (file.relative_to(copy).as_posix() for file in files)
    return {
        name for name in names if not (ROOT / name).exists() or (ROOT / name).read_bytes() != (copy / name).read_bytes()
    }


def test_a_new_column_comes_out_everywhere_and_costs_at_most_four_code_files(copy: Path) -> None:
    event = EVENTS / "check_in.json"
    line = copy / "events.ndjson"
    line.write_text(json.dumps(json.loads(event.read_text(encoding="utf-8"))) + "\n", encoding="utf-8")

    facts = json.loads(run(copy, "-m", "fixtrail", "facts", str(line), "--now", "2026-03-02T00:00:00Z"))
    answers = json.loads(run(copy, "-c", IN_ALL_ANSWERS, str(line)))

    assert facts["milestone_count"] == 1
    assert answers == {"row": 1, "order": 1, "document": "integer"}
    changed = touched(copy)
    assert MIGRATION in changed and len(changed - {MIGRATION}) <= CODE_FILES
