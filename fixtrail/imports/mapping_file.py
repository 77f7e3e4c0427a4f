"""The mapping file as it is written: TOML, validated key by key."""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, field_validator, model_validator

from fixtrail.imports.times import Fold, Gap, check_format
from fixtrail.imports.zones import zone_of
from schemas.events import EVENT_TYPES
from schemas.reference_events import REFERENCE_TYPES
from schemas.toml_file import TomlTable, load_model

Text = Annotated[str, Field(min_length=1)]
Texts = Annotated[tuple[Text, ...], Field(min_length=1)]
# A text alone is a list of one.
OneOrMore = Annotated[Texts, BeforeValidator(lambda value: (value,) if isinstance(value, str) else value)]
Scalar = str | bool | int | float


def _type_of_event(name: str) -> str:
    types = (*EVENT_TYPES, *REFERENCE_TYPES)
    if name not in types:
        raise ValueError(f"Input should be {', '.join(map(repr, types))}")
    return name


EventType = Annotated[str, AfterValidator(_type_of_event)]
# width: full-width letters and digits become plain ones; spaces: none are left.
Normalization = Literal["width", "upper", "lower", "spaces"]


class MappingTable(TomlTable):
    """Unknown keys are refused: a mistyped key must not be a rule that quietly does nothing."""

    model_config = ConfigDict(populate_by_name=True)


class LogSettings(MappingTable):
    """How the log is laid out; what is not said is found out."""

    format: Literal["xes", "csv"] | None = None
    rows: Literal["events", "orders"] = "events"
    case: OneOrMore | None = None
    activity: OneOrMore | None = None
    order: Literal["oldest_first", "newest_first"] = "oldest_first"
    case_columns: tuple[Text, ...] = ()
    optional_columns: tuple[Text, ...] = ()
    empty: tuple[str, ...] = ()
    normalize: tuple[Normalization, ...] = ()
    encoding: Text | None = None
    delimiter: Annotated[str, Field(min_length=1, max_length=1)] | None = None
    quote: Annotated[str, Field(max_length=1)] = '"'
    escape: Annotated[str, Field(min_length=1, max_length=1)] | None = None
    skip_lines: Annotated[int, Field(ge=0)] = 0
    columns: Texts | None = None

    @field_validator("encoding")
    @classmethod
    def _known_encoding(cls, value: str | None) -> str | None:
        if value is not None:
            try:
                "".encode(value)
            except LookupError:
                raise ValueError(f"{value!r} is no encoding") from None
        return value


class TimeSettings(MappingTable):
    """Where a rule's time stands and how to read it; what a rule does not say comes from `[time]`."""

    column: OneOrMore | None = None
    template: OneOrMore | None = None
    choose: Literal["first", "earliest", "latest"] | None = None
    format: OneOrMore | None = None
    zone: Text | None = None
    zones: dict[Text, Text] | None = None
    gap: Gap | None = None
    fold: Fold | None = None

    @field_validator("zones")
    @classmethod
    def _known_zones(cls, value: dict[str, str] | None) -> dict[str, str] | None:
        for name in (value or {}).values():
            zone_of(name)
        return value

    @field_validator("format")
    @classmethod
    def _known_format(cls, value: Texts | None) -> Texts | None:
        for pattern in value or ():
            check_format(pattern)
        return value

    @field_validator("zone")
    @classmethod
    def _known_zone(cls, value: str | None) -> str | None:
        if value is not None and "{" not in value:
            zone_of(value)
        return value

    @model_validator(mode="after")
    def _has_one_source(self) -> "TimeSettings":
        if self.column is not None and self.template is not None:
            raise ValueError("give `column` or `template`, not both")
        return self


_OF_CONDITIONS = frozenset({"all", "any", "not_", "some_row", "earlier_row", "later_row"})


class Condition(MappingTable):
    """Tests on one column (all must hold), all / any / not of conditions, or a condition on other rows of the case."""

    column: Text | None = None
    equals: Scalar | None = None
    in_: tuple[Scalar, ...] | None = Field(default=None, alias="in")
    regex: str | None = None
    exists: bool | None = None
    empty: bool | None = None
    gt: float | None = None
    ge: float | None = None
    lt: float | None = None
    le: float | None = None
    all: tuple["Condition", ...] | None = None
    any: tuple["Condition", ...] | None = None
    not_: "Condition | None" = Field(default=None, alias="not")
    some_row: "Condition | None" = None
    earlier_row: "Condition | None" = None
    later_row: "Condition | None" = None

    @model_validator(mode="after")
    def _has_one_form(self) -> "Condition":
        keys = self.model_fields_set
        if "column" in keys:
            if keys & _OF_CONDITIONS:
                raise ValueError("a condition on a column takes no condition beside it")
            if keys == {"column"}:
                raise ValueError("a condition needs equals, in, regex, exists, empty, gt, ge, lt or le beside `column`")
        elif len(keys) != 1 or not keys & _OF_CONDITIONS:
            raise ValueError(
                "a condition is either `column` with tests, or one of all, any, not, some_row, earlier_row, later_row"
            )
        return self


class RowFilter(MappingTable):
    """Which rows: `match` (column → the text or texts it must be) and `when`, which must both hold."""

    match: dict[str, tuple[Scalar, ...]] = Field(default_factory=dict)
    when: tuple[Condition, ...] = ()

    @field_validator("match", mode="before")
    @classmethod
    def _texts(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        return {column: tuple(values) if isinstance(values, list) else (values,) for column, values in value.items()}

    @field_validator("when", mode="before")
    @classmethod
    def _table_or_list(cls, value: Any) -> Any:
        return (value,) if isinstance(value, dict) else value


class EventRule(RowFilter):
    """One kind of event to make of the rows it chooses. `also`: the rules after it get to see the row as well.

    `optional`: a row without the time makes no event of this rule, and is not rejected for it.
    """

    type: EventType
    also: bool = False
    optional: bool = False
    time: TimeSettings | None = None
    fields: dict[str, Any] = Field(default_factory=dict)

    @field_validator("time", mode="before")
    @classmethod
    def _column_or_table(cls, value: Any) -> Any:
        return {"column": value} if isinstance(value, str | list) else value


class IgnoreRule(RowFilter):
    """Rows that make no event on purpose; the report gives the reason."""

    reason: Text


class ServiceLevels(MappingTable):
    """What counts as in time in the figures of a dry run, where it is not what CONTRACT section 4 says."""

    emergency_min: Annotated[float, Field(gt=0)] = 120
    quick_lane_min: Annotated[float, Field(gt=0)] = 15


class MappingFile(MappingTable):
    """The whole file. `namespace` starts every event id: one per source system.

    `kind`: what the events are of; by default what their types say.
    """

    kind: Literal["orders", "reference"] | None = None
    namespace: Annotated[str, Field(min_length=1, max_length=40, pattern=r"^[A-Za-z0-9._-]+$")]
    log: LogSettings = LogSettings()
    time: TimeSettings = TimeSettings()
    fields: dict[str, Any] = Field(default_factory=dict)
    event: tuple[EventRule, ...]
    ignore: tuple[IgnoreRule, ...] = ()
    service_levels: ServiceLevels = ServiceLevels()


def read_mapping_file(path: Path) -> MappingFile:
    """The validated file. Raises TomlFileError, one line for each thing that is wrong."""
    return load_model(path, MappingFile)
