"""One value of an event out of a row: text, then extract, map and what the field's kind asks for."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError, field_validator, model_validator

from fixtrail.imports.errors import BadValue, MappingError
from fixtrail.imports.kinds import Kind
from fixtrail.imports.mapping_file import Scalar, Strict, Text, TimeSettings
from fixtrail.imports.templates import Row, Source, column_source, template_source
from fixtrail.imports.times import time_reader, wire_time
from schemas.toml_file import problems

# (row, notes) → a JSON value, or None where the row has nothing for it. Raises BadValue.
Read = Callable[[Row, list[str]], Any]

_TRUE = frozenset({"true", "1", "yes", "y", "是"})
_FALSE = frozenset({"false", "0", "no", "n", "否"})
_TIME_KEYS = ("format", "zone", "gap", "fold")


@dataclass(frozen=True)
class Expression:
    """A compiled expression and the columns it reads; one that reads none is a constant."""

    read: Read
    columns: frozenset[str] = frozenset()


class ValueTable(Strict):
    """An expression in its long form: `{ column = "...", map = { ... } }`."""

    column: Text | None = None
    template: Text | None = None
    value: Scalar | None = None
    extract: Text | None = None
    split: Text | None = None
    map: dict[str, Scalar] | None = None
    default: Scalar | None = None
    decimal: Literal[".", ","] = "."
    thousands: Annotated[str, Field(min_length=1, max_length=1)] | None = None
    scale: int | float | None = None
    format: Text | tuple[Text, ...] | None = None
    zone: Text | None = None
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
        return ValueTable(template=raw) if raw else ValueTable(value=raw)
    if isinstance(raw, bool | int | float):
        return ValueTable(value=raw)
    if not isinstance(raw, dict):
        raise MappingError(f"{where}: {raw!r} is no expression; write times as text")
    try:
        return ValueTable.model_validate(raw)
    except ValidationError as error:
        raise MappingError(_first(error, where)) from None


def time_expression(own: TimeSettings, default: TimeSettings, where: str) -> Expression:
    """RFC 3339 in UTC of the time that `own` points to; what it leaves out comes from `default`, that is `[time]`."""
    place = own if own.column or own.template else default
    if place.column is None and place.template is None:
        raise MappingError(f"{where}: no time column; give `time` here, or `column` in [time]")
    source = _source(place.column, place.template, where)
    formats = own.format or default.format or ("iso",)
    read = time_reader(formats, own.gap or default.gap or "shift", own.fold or default.fold or "earlier")
    zone_name = own.zone or default.zone
    zone = template_source(zone_name, where) if zone_name else Source(lambda row: None)

    def time_of(row: Row, notes: list[str]) -> str | None:
        text = source.read(row)
        return None if text is None else wire_time(read(text, zone.read(row), notes))

    return Expression(time_of, source.columns | zone.columns)


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
    source = _source(table.column, table.template, where)
    read = _pipeline(source, table, kind, constants)
    if not source.columns:
        value = _read_constant(read, where, kind)
        return Expression(lambda row, notes: value)
    return Expression(_tolerant(read, table, where), source.columns)


def split_list(table: ValueTable, item: Kind, where: str) -> Expression:
    """A list out of one text: its pieces by the regular expression `split`, each extracted and mapped."""
    source = _source(table.column, table.template, where)
    separator = re.compile(table.split or "")
    piece = _pipeline(column_source(""), table, item, _constants(table, item, where))

    def pieces(row: Row, notes: list[str]) -> Any:
        texts = [text.strip() for text in separator.split(source.read(row) or "") if text]
        values = [piece({"": text}, notes) for text in texts if text]
        return [value for value in values if value is not None] or None

    return Expression(_tolerant(pieces, table, where), source.columns)


def _source(column: str | None, template: str | None, where: str) -> Source:
    return column_source(column) if column is not None else template_source(template or "", where)


def _time_value(table: ValueTable, where: str, time: TimeSettings) -> Expression:
    known = {"column", "template", "bad", *_TIME_KEYS}
    if table.model_fields_set - known:
        raise MappingError(f"{where}: this is a time; it takes {', '.join(sorted(known))}")
    said = {name: getattr(table, name) for name in ("column", "template", *_TIME_KEYS) if getattr(table, name)}
    try:
        own = TimeSettings.model_validate(said)
    except ValidationError as error:
        raise MappingError(_first(error, where)) from None
    return time_expression(own, time, where)


def _pipeline(source: Source, table: ValueTable, kind: Kind, constants: Mapping[str | None, Any]) -> Read:
    """Text → extract → map → parse; `constants` are the map's values by text, and the default under None."""
    parse = _parser(kind, table)
    extract = re.compile(table.extract) if table.extract is not None else None
    default = constants.get(None)
    text_of = source.read

    def read(row: Row, notes: list[str]) -> Any:
        text = text_of(row)
        if text is not None and extract is not None:
            found = extract.search(text)
            if found is None:
                raise BadValue("text does not match `extract`", text)
            text = (found[1] if extract.groups else found[0]) or None
        if text is None:
            return default
        if table.map is None:
            return parse(text)
        if text in constants:
            return constants[text]
        if default is None:
            raise BadValue("text is not in `map`", text)
        return default

    return read


def _parser(kind: Kind, table: ValueTable) -> Callable[[str], Any]:
    if kind.name == "bool":
        return _bool
    if kind.name not in ("number", "integer"):
        return str
    point, thousands, integer = table.decimal, table.thousands, kind.name == "integer"
    scale = Decimal(str(table.scale)) if table.scale is not None else None

    def number(text: str) -> int | float:
        plain = text.replace(thousands, "") if thousands else text
        try:
            value = Decimal(plain.replace(",", ".") if point == "," else plain)
        except InvalidOperation:
            raise BadValue("not a number", text) from None
        if not value.is_finite() or abs(value) >= 10**15:
            raise BadValue("not a number", text)
        if scale is not None:
            value *= scale
        if value == value.to_integral_value():
            return int(value)
        if integer:
            raise BadValue("not a whole number", text)
        return float(value)

    return number


def _bool(text: str) -> bool:
    plain = text.lower()
    if plain in _TRUE:
        return True
    if plain in _FALSE:
        return False
    raise BadValue("neither true nor false; a `map` can tell", text)


def _constants(table: ValueTable, kind: Kind, where: str) -> dict[str | None, Any]:
    constants: dict[str | None, Any] = {
        text: _constant(value, kind, f"{where}.map.{text}") for text, value in (table.map or {}).items()
    }
    if table.default is not None:
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
    except BadValue as error:
        raise MappingError(f"{where}: {error.value!r}: {error.reason}") from None
    if kind.allowed and value not in kind.allowed:
        raise MappingError(f"{where}: {value!r} is none of {', '.join(kind.allowed)}")
    return value


def _tolerant(read: Read, table: ValueTable, where: str) -> Read:
    """The same with the field's name in the reason; `bad = "omit"` leaves the value out instead, and notes it."""

    def guarded(row: Row, notes: list[str]) -> Any:
        try:
            return read(row, notes)
        except BadValue as error:
            reason = f"{where.partition('fields.')[2] or where}: {error.reason}"
            if table.bad == "reject":
                raise BadValue(reason, error.value) from None
            notes.append(f"left out: {reason}")
            return None

    return guarded


def _first(error: ValidationError, where: str) -> str:
    line = problems(error)[0]
    return f"{where}.{line}" if error.errors()[0]["loc"] else f"{where}: {line}"
