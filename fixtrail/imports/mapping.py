"""A compiled mapping: every condition, time and field of the file as a function."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from fixtrail.imports.conditions import Needs, Test, compile_filter
from fixtrail.imports.errors import MappingError
from fixtrail.imports.fields import compile_fields
from fixtrail.imports.kinds import Kind, event_kind
from fixtrail.imports.mapping_file import (
    EventRule,
    LogSettings,
    MappingFile,
    ServiceLevels,
    TimeSettings,
    read_mapping_file,
)
from fixtrail.imports.values import Expression, Read, time_expression
from schemas.event_topics import ALL_TYPES, REFERENCE, SERVICE, EventTopic

# Columns that the importer adds to each row; docs/import.md says what they hold.
DERIVED = (
    *("@case", "@activity", "@line", "@ordinal", "@first", "@last", "@earliest", "@latest", "@nth", "@nth_from_end"),
)

XES_CASE = "case:concept:name"
XES_ACTIVITY = "concept:name"
XES_TIME = "time:timestamp"


@dataclass(frozen=True)
class MappingRule:
    """Makes one type of event. `number` counts the `[[event]]` tables of the file from 1."""

    number: int
    type: str
    also: bool
    optional: bool
    applies: Test
    time: Read
    fields: tuple[tuple[str, Read], ...]
    required: frozenset[str]


@dataclass(frozen=True)
class Mapping:
    """What `load_mapping` gives. `columns` are those of the log that it needs, `derived` those the importer adds.

    All its events go to one topic.

    `row_tests` are tried on every row of a case for conditions on other rows; `row_time` gives a row's own time, where
    `[time]` says it.
    """

    namespace: str
    log: LogSettings
    rules: tuple[MappingRule, ...]
    ignored: tuple[tuple[Test, str], ...]
    columns: frozenset[str]
    derived: frozenset[str]
    service_levels: ServiceLevels
    topic: EventTopic = SERVICE
    row_tests: tuple[Test, ...] = ()
    row_time: Read | None = None

    @property
    def needs_times(self) -> bool:
        """Whether rows are to be told apart by their times already at the first reading."""
        return bool(self.row_tests or self.derived & {"@earliest", "@latest"})

    @property
    def case_key(self) -> tuple[str, ...]:
        """The columns that tell cases apart, all of them together."""
        return self.log.case or (XES_CASE,)

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
    topic = _topic(file)
    for name in file.fields:
        if not any(name in event_kind(event_type).fields for event_type in ALL_TYPES):
            raise MappingError(f"fields.{name}: no event type has this field")
    time = file.time
    if time.column is None and time.template is None and file.log.format != "csv":
        time = time.model_copy(update={"column": (XES_TIME,)})
    row_time = time_expression(TimeSettings(), time, "time") if time.column or time.template else None
    needs = Needs(set(file.log.case_columns) | set(file.log.case or (XES_CASE,)) | set(file.log.activity or ()))
    rules = tuple(_rule(number, rule, file, time, needs) for number, rule in enumerate(file.event, 1))
    ignored = tuple(
        (compile_filter(choice, f"ignore {number}", needs), choice.reason)
        for number, choice in enumerate(file.ignore, 1)
    )
    derived = frozenset(name for name in needs.columns if name.startswith("@"))
    _check_derived(derived, row_time)
    log_columns = frozenset(needs.columns) - derived
    read = row_time.read if row_time else None
    tests, levels = tuple(needs.row_tests), file.service_levels
    return Mapping(file.namespace, file.log, rules, ignored, log_columns, derived, levels, topic, tests, read)


def _topic(file: MappingFile) -> EventTopic:
    """The topic of the file's events. Raises MappingError where it has events of both."""
    kinds = {"orders": SERVICE, "reference": REFERENCE}
    topic = kinds[file.kind] if file.kind else REFERENCE if file.event[0].type in REFERENCE.models else SERVICE
    for number, rule in enumerate(file.event, 1):
        if rule.type not in topic.models:
            kind = next(name for name, candidate in kinds.items() if candidate is topic)
            raise MappingError(
                f"event {number} ({rule.type}): a mapping of kind {kind} makes {', '.join(topic.models)}"
            )
    return topic


def _rule(number: int, rule: EventRule, file: MappingFile, time: TimeSettings, needs: Needs) -> MappingRule:
    where = f"event {number} ({rule.type})"
    kind = event_kind(rule.type)
    test = compile_filter(rule, where, needs)
    time_of = time_expression(rule.time or TimeSettings(), time, f"{where}.time")
    common = {
        name: field
        for name, field in {"order_id": "{@case}", **file.fields}.items()
        if name in kind.fields and name not in rule.fields
    }
    own_kind = Kind("object", fields=kind.fields, required=kind.required - common.keys())
    fields = compile_fields(rule.fields, own_kind, f"{where}.fields", time)
    fields |= compile_fields(common, Kind("object", fields=kind.fields), "fields", time)
    needs.columns |= time_of.columns
    for expression in fields.values():
        needs.columns |= expression.columns
    reads = tuple((name, expression.read) for name, expression in fields.items())
    return MappingRule(number, rule.type, rule.also, rule.optional, test, time_of.read, reads, kind.required)


def _check_derived(names: Iterable[str], row_time: Expression | None) -> None:
    if row_time is None and {"@earliest", "@latest"} & set(names):
        raise MappingError("@earliest, @latest: give `column` in [time], so that rows have times to be ordered by")
    unknown = sorted(set(names) - set(DERIVED))
    if unknown:
        raise MappingError(f"{', '.join(unknown)}: no such column; the importer adds {', '.join(DERIVED)}")
