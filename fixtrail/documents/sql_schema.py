"""docs/schema.md: every view and column that analysts may query, from the comments that the migrations give them."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from sinks.clickhouse.migrations import FOLDER, read_folder

_VIEW = re.compile(r"CREATE OR REPLACE VIEW fixtrail\.(\w+)")
_ABOUT = re.compile(r"ALTER TABLE fixtrail\.(\w+) MODIFY COMMENT '([^']*)'")
_ALTER = re.compile(r"ALTER TABLE fixtrail\.(\w+)\n((?: +COMMENT COLUMN .*\n)+)")
_COLUMN = re.compile(r"COMMENT COLUMN IF EXISTS (\w+) '([^']*)'")
_EXAMPLE = re.compile(r"-- example:\n((?:--   .*\n)+)ALTER TABLE fixtrail\.(\w+)")
_UNIT = re.compile(r"^(?P<about>.*) \[(?P<unit>[^\]]+)\]$")

_HEAD = """\
# The schema: what can be queried

Database `fixtrail`, as user `reader`. Generated from the comments in `analytics/migrations` by `fixtrail contracts
--write`; any client shows the same comments (`DESCRIBE TABLE fixtrail.orders`). How to ask, and what to look out for:
[analysts.md](analysts.md); what each figure means to the last detail: [metrics.md](metrics.md).

A unit `s` is seconds, `UTC` a time in UTC. `NULL` means unknown or not applicable, never zero.
"""


@dataclass(slots=True)
class View:
    """One view: what a row of it is, its columns in order with meaning and unit, and a query to begin with."""

    name: str
    about: str = ""
    columns: dict[str, tuple[str, str]] = field(default_factory=dict)
    example: str = ""


def views() -> list[View]:
    """Every view of the migrations, in order of its first definition; the newest comments count."""
    by_name: dict[str, View] = {}
    for migration in read_folder(FOLDER):
        for name in _VIEW.findall(migration.sql):
            by_name[name] = View(name)
        for name, about in _ABOUT.findall(migration.sql):
            by_name[name].about = about
        for name, comments in _ALTER.findall(migration.sql):
            for column, comment in _COLUMN.findall(comments):
                unit = _UNIT.match(comment)
                by_name[name].columns[column] = (unit["about"], unit["unit"]) if unit else (comment, "")
        for text, name in _EXAMPLE.findall(migration.sql):
            by_name[name].example = "\n".join(line.removeprefix("--   ") for line in text.splitlines())
    return list(by_name.values())


def schema_page() -> str:
    """The page as Markdown."""
    return "\n".join(_lines())


def _lines() -> Iterator[str]:
    yield _HEAD
    for view in views():
        yield f"## {view.name}\n"
        yield f"{view.about}\n"
        yield "| column | meaning | unit |"
        yield "| --- | --- | --- |"
        for column, (meaning, unit) in view.columns.items():
            yield f"| `{column}` | {meaning} | {unit} |"
        yield f"\n```sql\n{view.example}\n```\n"
