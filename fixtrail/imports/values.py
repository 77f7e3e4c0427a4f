"""One value of an event out of a row: text, then extract, map and what the field's kind asks for."""

import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError, field_validator, model_validator

from fixtrail.imports.errors import BadValueError, MappingError
from fixtrail.imports.kinds import Kind
from fixtrail.imports.mapping_file import MappingTable, Normalization, OneOrMore, Scalar, Text, Texts, TimeSettings
from fixtrail.imports.numbers import NumberStyle, number_reader
from fixtrail.imports.spreadsheet import damage_of
from fixtrail.imports.templates import Row, TextSource, column_source, first_source, has_columns, template_source
from fixtrail.imports.times import Fold, Gap, time_reader, wire_time
from schemas.toml_file import problems

# (row, notes) → a JSON value, or None where the row has nothing for it. Raises BadValueError.
Read = Callable[[Row, list[str]], Any]

_TRUE = frozenset({"true", "1", "yes", "y", "是"})
_FALSE = frozenset({"false", "0", "no", "n", "否"})
# Some 400 bytes each.
_TIMES_KEPT = 65_536
_TIME_KEYS = ("format", "zone", "zones", "choose", "gap", "fold")
_NORMALIZATIONS: dict[Normalization, Callable[[str], str]] = {
    "width": lambda text: unicodedata.normalize("NFKC", text),
    "upper": str.upper,
    "lower": str.lower,
    "spaces": lambda text: "".join(text.split()),
}


@dataclass(frozen=True)
class Expression:
    """A compiled expression and the columns it reads; one that reads none is a constant."""

    read: Read
    columns: frozenset[str] = frozenset()


class ValueTable(MappingTable):
    """An expression in its long form: `{ column = "...", map = { ... } }`."""

    column: OneOrMore | None = None
    template: OneOrMore | None = None
    value: Scalar | None = None
    normalize: tuple[Normalization, ...] = ()
    extract: Text | None = None
    split: Text | None = None
    map: dict[str, Scalar] | None = None
    default: Scalar | None = None
    decimal: Literal[".", ","] = "."
    thousands: Annotated[str, Field(min_length=1, max_length=1)] | None = None
    scale: int | float | None = None
    format: Text | tuple[Text, ...] | None = None
    zone: Text | None = None
    zones: dict[str, str] | None = None
    choose: str | None = None
    gap: str | None = None
    fold: str | None = None
    bad: Literal["reject", "omit"] = "reject"

    @field_validator("extract", "split")
    @classmethod
    def _known_regex(cls, value: str | None) -> str | None:
        try:
            re.compile(value or "")
        except re.error as error:
            raise ValueError(f"no regular expression: {error}") from None
        return value

    @model_validator(mode="after")
    def _one_source(self) -> "ValueTable":
        if len(self.model_fields_set & {"column", "template", "value"}) != 1:
            raise ValueError("give one of column, template and value")
        if "value" in self.model_fields_set and len(self.model_fields_set) > 1:
            raise ValueError("nothing goes with a constant value")
        return self


def value_table(raw: Any, where: str) -> ValueTable:
    """The long form of any expression: plain text is a template, other plain values are constants."""
    if isinstance(raw, str):
        return ValueTable(template=(raw,)) if raw else ValueTable(value=raw)
    if isinstance(raw, bool | int | float):
        return ValueTable(value=raw)
    if not isinstance(raw, dict):
        raise MappingError(f"{where}: {raw!r} is no expression; write times as text")
    try:
        return ValueTable.model_validate(raw)
    except ValidationError as error:
        raise MappingError(_first(error, where)) from None


def time_expression(rule: TimeSettings, default: TimeSettings, where: str) -> Expression:
    """RFC 3339 in UTC of the time that `rule` points to; what it leaves out comes from `default`, that is `[time]`."""
    located = rule if rule.column or rule.template else default
    if located.column is None and located.template is None:
        raise MappingError(f"{where}: no time column; give `time` here, or `column` in [time]")
    sources = _sources(located.column, located.template, where)
    formats, zones = rule.format or default.format or ("iso",), rule.zones or default.zones
    gap, fold = rule.gap or default.gap or "shift", rule.fold or default.fold or "earlier"
    wire = _wire_reader(formats, gap, fold, tuple(sorted((zones or {}).items())))
    zone_name = rule.zone or default.zone
    zone = template_source(zone_name, where) if zone_name else TextSource(lambda row: None)
    columns = frozenset[str]().union(zone.columns, *(source.columns for source in sources))
    choose = located.choose or "first"
    source = first_source(sources)

    def noted(text: str, row: Row, notes: list[str]) -> str:
        at, further = wire(text, zone.read(row))
        notes += further
        return at

    def time_of(row: Row, notes: list[str]) -> str | None:
        text = source.read(row)
        return None if text is None else noted(text, row, notes)

    def chosen(row: Row, notes: list[str]) -> str | None:
        texts = [text for source in sources if (text := source.read(row)) is not None]
        times = [noted(text, row, notes) for text in texts]
        return (max if choose == "latest" else min)(times, default=None)

    return Expression(time_of if choose == "first" else chosen, columns)


@lru_cache(maxsize=64)
def _wire_reader(
    formats: tuple[str, ...], gap: Gap, fold: Fold, zones: tuple[tuple[str, str], ...]
) -> Callable[[str, str | None], tuple[str, tuple[str, ...]]]:
    """A function (text, zone name) → RFC 3339 and notes. A row's time is asked for by several rules: read once.

    Where rows are ordered by time, each is also asked for when the log is read first: by logs of usual size once, too.
    """
    read = time_reader(formats, gap, fold, dict(zones))

    @lru_cache(maxsize=_TIMES_KEPT)
    def wire(text: str, zone_name: str | None) -> tuple[str, tuple[str, ...]]:
        notes: list[str] = []
        return wire_time(read(text, zone_name, notes)), tuple(notes)

    return wire


def scalar(table: ValueTable, kind: Kind, where: str, time: TimeSettings) -> Expression:
    """The expression for one text, number, integer, bool or time; raises MappingError, which begins with `where`."""
    if table.split is not None:
        raise MappingError(f"{where}: split is for lists")
    if kind.name == "time":
        expression = _time_value(table, where, time)
        return Expression(_tolerant(expression.read, table, where), expression.columns)
    constants = _constants(table, kind, where)
    if table.value is not None:
        value = _constant(table.value, kind, where)
        return Expression(lambda row, notes: value)
    source = first_source(_sources(table.column, table.template, where))
    default = _default(table, kind, constants, where)
    if kind.name == "text" and source.columns:
        source = _undamaged(source)
    read = _pipeline(source, table, kind, constants, default)
    if not source.columns | default.columns:
        value = _read_constant(read, where, kind)
        return Expression(lambda row, notes: value)
    return Expression(_tolerant(read, table, where), source.columns | default.columns)


def _undamaged(source: TextSource) -> TextSource:
    """The same; it raises BadValueError for cells of which a spreadsheet has left a number cut short or an error."""
    columns, read = tuple(source.columns), source.read

    def checked(row: Row) -> str | None:
        text = read(row)
        if text is not None and ("E+" in text or "e+" in text or "#" in text):
            for name in columns:
                damage = damage_of(row.get(name, ""))
                if damage:
                    raise BadValueError(damage, row[name])
        return text

    return TextSource(checked, source.columns)


def split_list(table: ValueTable, item: Kind, where: str) -> Expression:
    """A list out of one text: its pieces by the regular expression `split`, each extracted and mapped."""
    source = first_source(_sources(table.column, table.template, where))
    separator = re.compile(table.split or "")
    constants = _constants(table, item, where)
    default = _default(table, item, constants, where)
    if default.columns:
        raise MappingError(f"{where}.default: the default of a list's pieces takes no column")
    piece = _pipeline(column_source(""), table, item, constants, default)

    def pieces(row: Row, notes: list[str]) -> Any:
        texts = [text.strip() for text in separator.split(source.read(row) or "") if text]
        values = [piece({"": text}, notes) for text in texts if text]
        return [value for value in values if value is not None] or None

    return Expression(_tolerant(pieces, table, where), source.columns)


def _sources(columns: Texts | None, templates: Texts | None, where: str) -> list[TextSource]:
    if columns is not None:
        return [column_source(column) for column in columns]
    return [template_source(template, where) for template in templates or ()]


def _time_value(table: ValueTable, where: str, time: TimeSettings) -> Expression:
    allowed_keys = {"column", "template", "bad", *_TIME_KEYS}
    if table.model_fields_set - allowed_keys:
        raise MappingError(f"{where}: this is a time; it takes {', '.join(sorted(allowed_keys))}")
    settings = {name: getattr(table, name) for name in ("column", "template", *_TIME_KEYS) if getattr(table, name)}
    try:
        rule_time = TimeSettings.model_validate(settings)
    except ValidationError as error:
        raise MappingError(_first(error, where)) from None
    return time_expression(rule_time, time, where)


def _default(table: ValueTable, kind: Kind, constants: Mapping[str | None, Any], where: str) -> Expression:
    """What a value is where the row has none: a constant, or a template of other columns, None without a default."""
    if isinstance(table.default, str) and has_columns(table.default):
        source = template_source(table.default, f"{where}.default")
        checked = _undamaged(source) if kind.name == "text" else source
        return Expression(_pipeline(checked, _same_style(table), kind, {}, _NOTHING), source.columns)
    constant = constants.get(None)
    return Expression(lambda row, notes: constant)


def _same_style(table: ValueTable) -> ValueTable:
    return table.model_copy(update={"map": None, "default": None, "extract": None})


_NOTHING = Expression(lambda row, notes: None)


def _pipeline(
    source: TextSource, table: ValueTable, kind: Kind, constants: Mapping[str | None, Any], default: Expression
) -> Read:
    """Text → normalize → extract → map → parse; `constants` are the map's values by text."""
    parse = _parser(kind, table)
    text_of = _extracted(_normalized(source.read, table.normalize), table.extract)
    default_of, is_mapped, has_default = default.read, table.map is not None, table.default is not None

    def read(row: Row, notes: list[str]) -> Any:
        text = text_of(row)
        if text is None:
            return default_of(row, notes)
        if not is_mapped:
            return parse(text)
        if text in constants:
            return constants[text]
        if not has_default:
            raise BadValueError("text is not in `map`", text)
        return default_of(row, notes)

    return read


def normalizer(names: tuple[Normalization, ...]) -> Callable[[str], str]:
    """The function that makes a text plain in the ways that are named."""
    steps = [_NORMALIZATIONS[name] for name in names]

    def plain(text: str) -> str:
        for step in steps:
            text = step(text)
        return text

    return plain


def _normalized(read: Callable[[Row], str | None], names: tuple[Normalization, ...]) -> Callable[[Row], str | None]:
    if not names:
        return read
    plain = normalizer(names)

    def normalized(row: Row) -> str | None:
        text = read(row)
        return None if text is None else plain(text).strip() or None

    return normalized


def _extracted(read: Callable[[Row], str | None], regex: str | None) -> Callable[[Row], str | None]:
    if regex is None:
        return read
    pattern = re.compile(regex)

    def extracted(row: Row) -> str | None:
        text = read(row)
        if text is None:
            return None
        match = pattern.search(text)
        if match is None:
            raise BadValueError("text does not match `extract`", text)
        return (match[1] if pattern.groups else match[0]) or None

    return extracted


def _parser(kind: Kind, table: ValueTable) -> Callable[[str], Any]:
    if kind.name == "bool":
        return _bool
    if kind.name not in ("number", "integer"):
        return str
    scale = Decimal(str(table.scale)) if table.scale is not None else None
    return number_reader(NumberStyle(table.decimal, table.thousands, scale, kind.name == "integer"))


def _bool(text: str) -> bool:
    plain = text.lower()
    if plain in _TRUE:
        return True
    if plain in _FALSE:
        return False
    raise BadValueError("neither true nor false; a `map` can tell", text)


def _constants(table: ValueTable, kind: Kind, where: str) -> dict[str | None, Any]:
    constants: dict[str | None, Any] = {
        text: _constant(value, kind, f"{where}.map.{text}") for text, value in (table.map or {}).items()
    }
    if table.default is not None and not (isinstance(table.default, str) and has_columns(table.default)):
        constants[None] = _constant(table.default, kind, f"{where}.default")
    return constants


def _constant(value: Scalar, kind: Kind, where: str) -> Any:
    """A constant of the mapping file as the JSON value of a field; raises MappingError if the field cannot have it."""
    if kind.name == "bool" and isinstance(value, bool):
        return value
    if kind.name in ("number", "integer") and isinstance(value, int | float) and not isinstance(value, bool):
        value = str(value)
    if isinstance(value, bool):
        raise MappingError(f"{where}: true and false are not for a {kind.name}; quote them if text is meant")
    parse = _parser(kind, ValueTable(value=""))
    return _read_constant(lambda row, notes: parse(str(value)), where, kind)


def _read_constant(read: Read, where: str, kind: Kind) -> Any:
    try:
        value = read({}, [])
    except BadValueError as error:
        raise MappingError(f"{where}: {error.value!r}: {error.reason}") from None
    if kind.allowed and value not in kind.allowed:
        raise MappingError(f"{where}: {value!r} is none of {', '.join(kind.allowed)}")
    return value


def _tolerant(read: Read, table: ValueTable, where: str) -> Read:
    """The same with the field's name in the reason; `bad = "omit"` leaves the value out instead, and notes it."""

    def guarded(row: Row, notes: list[str]) -> Any:
        try:
            return read(row, notes)
        except BadValueError as error:
            reason = f"{where.partition('fields.')[2] or where}: {error.reason}"
            if table.bad == "reject":
                raise BadValueError(reason, error.value) from None
            notes.append(f"left out: {reason}")
            return None

    return guarded


def _first(error: ValidationError, where: str) -> str:
    line = problems(error)[0]
    return f"{where}.{line}" if error.errors()[0]["loc"] else f"{where}: {line}"
