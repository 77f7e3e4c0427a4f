"""A mapping ready to be carried out: every condition, time and field of the file as a function."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from fixtrail.imports.conditions import Test, compile_choice
from fixtrail.imports.errors import MappingError
from fixtrail.imports.fields import compile_fields
from fixtrail.imports.kinds import Kind, event_kind
from fixtrail.imports.mapping_file import EventRule, LogSettings, MappingFile, TimeSettings, read_mapping_file
from fixtrail.imports.values import Read, time_expression
from schemas.events import EVENT_TYPES

# Columns that the importer adds to each row; docs/import.md says what they hold.
DERIVED = ("@case", "@activity", "@line", "@ordinal", "@first", "@last", "@nth", "@nth_from_end")

XES_CASE = "case:concept:name"
XES_ACTIVITY = "concept:name"
XES_TIME = "time:timestamp"


@dataclass(frozen=True)
class Rule:
    """Makes one type of event. `number` counts the `[[event]]` tables of the file from 1."""

    number: int
    type: str
    also: bool
    applies: Test
    time: Read
    fields: tuple[tuple[str, Read], ...]
    required: frozenset[str]


@dataclass(frozen=True)
class Mapping:
    """What `load_mapping` gives. `columns` are those of the log that it needs, `derived` those the importer adds."""

    namespace: str
    log: LogSettings
    rules: tuple[Rule, ...]
    ignored: tuple[tuple[Test, str], ...]
    columns: frozenset[str]
    derived: frozenset[str]

    @property
    def case_column(self) -> str:
        return self.log.case or XES_CASE

    @property
    def activity_columns(self) -> tuple[str, ...]:
        return self.log.activity or (XES_ACTIVITY,)

    @property
    def many(self) -> bool:
        """Whether one row can make more than one event; the ids then say by which rule."""
        return self.log.rows == "orders" or any(rule.also for rule in self.rules)


def load_mapping(path: Path) -> Mapping:
    """The mapping in a TOML file; raises TomlFileError with the file and the key for whatever is wrong in it."""
    file = read_mapping_file(path)
    try:
        return compile_mapping(file)
    except MappingError as error:
        raise MappingError(f"{path}: {error}") from None


def compile_mapping(file: MappingFile) -> Mapping:
    """The functions for a validated file; raises MappingError where it asks for what the contract does not have."""
    if file.log.format == "csv" and file.log.case is None:
        raise MappingError("log.case: missing; a CSV needs the column that tells cases apart")
    if not 1 <= len(file.event) <= 99:
        raise MappingError("event: at least one and at most 99 rules")
    for name in file.fields:
        if not any(name in event_kind(each).fields for each in EVENT_TYPES):
            raise MappingError(f"fields.{name}: no event type has this field")
    time = file.time
    if time.column is None and time.template is None and file.log.format != "csv":
        time = time.model_copy(update={"column": XES_TIME})
    columns: set[str] = set(file.log.case_columns) | {file.log.case or XES_CASE} | set(file.log.activity or ())
    rules = tuple(_rule(number, each, file, time, columns) for number, each in enumerate(file.event, 1))
    ignored = []
    for number, choice in enumerate(file.ignore, 1):
        test, named = compile_choice(choice, f"ignore {number}")
        columns |= named
        ignored.append((test, choice.reason))
    derived = frozenset(name for name in columns if name.startswith("@"))
    _check_derived(derived)
    own = frozenset(columns) - derived
    return Mapping(file.namespace, file.log, rules, tuple(ignored), own, derived)


def _rule(number: int, rule: EventRule, file: MappingFile, time: TimeSettings, columns: set[str]) -> Rule:
    where = f"event {number} ({rule.type})"
    kind = event_kind(rule.type)
    test, named = compile_choice(rule, where)
    when = time_expression(rule.time or TimeSettings(), time, f"{where}.time")
    common = {name: each for name, each in _common(file).items() if name in kind.fields and name not in rule.fields}
    own_kind = Kind("object", fields=kind.fields, required=kind.required - common.keys())
    fields = compile_fields(rule.fields, own_kind, f"{where}.fields", time)
    fields |= compile_fields(common, Kind("object", fields=kind.fields), "fields", time)
    columns |= named | when.columns
    for expression in fields.values():
        columns |= expression.columns
    reads = tuple((name, expression.read) for name, expression in fields.items())
    return Rule(number, rule.type, rule.also, test, when.read, reads, kind.required)


def _common(file: MappingFile) -> dict[str, object]:
    return {"order_id": "{@case}", **file.fields}


def _check_derived(names: Iterable[str]) -> None:
    unknown = sorted(set(names) - set(DERIVED))
    if unknown:
        raise MappingError(f"{', '.join(unknown)}: no such column; the importer adds {', '.join(DERIVED)}")
