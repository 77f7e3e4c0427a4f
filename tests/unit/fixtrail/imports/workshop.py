"""A log, a mapping and an import of them, in a folder of its own."""

import asyncio
from pathlib import Path
from typing import Any

import orjson
import pytest

from fixtrail.imports.log import read_log
from fixtrail.imports.mapping import Mapping, load_mapping
from fixtrail.imports.report import ImportReport
from fixtrail.imports.rules import MappedEvent, Outcome, RejectedRow, map_row
from fixtrail.imports.run import import_log

HEAD = """
namespace = "tablet"
[log]
format = "csv"
case = "order"
activity = "step"
[time]
column = "at"
[fields]
vehicle_id = "{vin}"
customer_id = "{vin}"
center_id = "sh-1"
"""


AT = "2026-03-01T08:00:00Z"


class Workshop:
    """A log and a mapping in a folder, and what the import makes of them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def mapping(self, rules: str, head: str = HEAD) -> Mapping:
        file = self.folder / "mapping.toml"
        file.write_text(head + rules, encoding="utf-8")
        return load_mapping(file)

    def log(self, *rows: dict[str, str]) -> Path:
        rows = tuple({"order": "R1", "at": AT, "vin": "V1", "step": "in", **row} for row in rows)
        names = list(dict.fromkeys(name for row in rows for name in row))
        table = "\t".join(names) + "\n" + "".join("\t".join(row.get(name, "") for name in names) + "\n" for row in rows)
        file = self.folder / "log.csv"
        file.write_text(table, encoding="utf-8")
        return file

    def outcomes(self, rules: str, *rows: dict[str, str], head: str = HEAD) -> list[Outcome]:
        mapping = self.mapping(rules, head)
        return [outcome for row in read_log(self.log(*rows), mapping) for outcome in map_row(row, mapping)]

    def event(self, rules: str, **row: str) -> dict[str, Any]:
        (outcome,) = self.outcomes(rules, row)
        assert isinstance(outcome, MappedEvent), outcome
        event: dict[str, Any] = orjson.loads(outcome.value)
        return event

    def refusal(self, rules: str, **row: str) -> tuple[str, str]:
        (outcome,) = self.outcomes(rules, row)
        assert isinstance(outcome, RejectedRow), outcome
        return outcome.reason, outcome.value

    def report(self, rules: str, *rows: dict[str, str], head: str = HEAD, rejects: Any = None) -> ImportReport:
        mapping = self.mapping(rules, head)
        return asyncio.run(import_log(self.log(*rows), mapping, rejects=rejects))


@pytest.fixture
def workshop(tmp_path) -> Workshop:
    return Workshop(tmp_path)


def field(type_: str, fields: str) -> str:
    return f'[[event]]\ntype = "{type_}"\n[event.fields]\n{fields}\n'


HANDOFF = '[[event]]\ntype = "handoff"\n'
FIRST_ALSO_CHECKS_IN = """
[[event]]
type = "check_in"
also = true
match = { "@first" = true }
fields = { lane = "standard" }

[[event]]
type = "diagnosis"
match = { step = "look" }
fields = { phase = "started" }

[[event]]
type = "handoff"
match = { "@last" = true }

[[ignore]]
match = { step = "tea" }
reason = "a break"
"""
