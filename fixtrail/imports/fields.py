"""All fields of an event: scalars, lists and the quote, checked against what the contract has for its type."""

from typing import Any

from fixtrail.imports.errors import BadValueError, MappingError
from fixtrail.imports.kinds import Kind
from fixtrail.imports.mapping_file import TimeSettings
from fixtrail.imports.templates import Row
from fixtrail.imports.values import Expression, scalar, split_list, value_table


def compile_field(raw: Any, kind: Kind, where: str, time: TimeSettings) -> Expression:
    """The expression for one field; raises MappingError, which begins with `where`."""
    if isinstance(raw, list):
        return _list(raw, kind, where, time)
    if kind.name == "object":
        return _object(raw, kind, where, time)
    if kind.name == "table" and kind.item is not None:
        return _table(raw, kind.item, where, time)
    table = value_table(raw, where)
    if kind.name != "list" or kind.item is None:
        return scalar(table, kind, where, time)
    if kind.item.name == "object":
        raise MappingError(f"{where}: expected a list of tables with {', '.join(kind.item.fields)}")
    if table.split is not None:
        return split_list(table, kind.item, where)
    return _listed([scalar(table, kind.item, where, time)])


def compile_fields(raw: dict[str, Any], kind: Kind, where: str, time: TimeSettings) -> dict[str, Expression]:
    """The expressions of an event's or a quote's fields; all required ones must be there and no unknown one."""
    for name in raw:
        if name not in kind.fields:
            raise MappingError(f"{where}.{name}: no such field; there are {', '.join(kind.fields)}")
    missing = sorted(kind.required - raw.keys())
    if missing:
        raise MappingError(f"{where}: {', '.join(missing)} missing")
    return {name: compile_field(field, kind.fields[name], f"{where}.{name}", time) for name, field in raw.items()}


def _list(raw: list[Any], kind: Kind, where: str, time: TimeSettings) -> Expression:
    if kind.name != "list" or kind.item is None:
        raise MappingError(f"{where}: takes no list")
    item = kind.item
    return _listed([compile_field(part, item, f"{where} {number}", time) for number, part in enumerate(raw, 1)])


def _listed(items: list[Expression]) -> Expression:
    """A list of those items that the row has, None if it has none; `[]` written down stays an empty list."""
    reads = [item.read for item in items]
    when_empty: Any = None if items else []

    def read(row: Row, notes: list[str]) -> Any:
        return [value for read_item in reads if (value := read_item(row, notes)) is not None] or when_empty

    return Expression(read, frozenset[str]().union(*(item.columns for item in items)))


def _table(raw: Any, item: Kind, where: str, time: TimeSettings) -> Expression:
    """Values under names of one's own, such as the parts of a survey; None for a row that has none of them."""
    if not isinstance(raw, dict) or not raw:
        raise MappingError(f"{where}: expected a table, such as {{ price = '{{column}}' }}")
    expressions = {name: compile_field(value, item, f"{where}.{name}", time) for name, value in raw.items()}

    def read(row: Row, notes: list[str]) -> Any:
        values = {name: expression.read(row, notes) for name, expression in expressions.items()}
        return {name: value for name, value in values.items() if value is not None} or None

    return Expression(read, frozenset[str]().union(*(expression.columns for expression in expressions.values())))


def _object(raw: Any, kind: Kind, where: str, time: TimeSettings) -> Expression:
    """A nested object such as the quote; None for a row that has nothing but its constants."""
    if not isinstance(raw, dict):
        raise MappingError(f"{where}: expected a table with {', '.join(kind.fields)}")
    expressions = compile_fields(raw, kind, where, time)
    from_columns = [name for name, expression in expressions.items() if expression.columns]

    def read(row: Row, notes: list[str]) -> Any:
        values = {name: expression.read(row, notes) for name, expression in expressions.items()}
        if from_columns and all(values[name] is None for name in from_columns):
            return None
        for name in kind.required:
            if values[name] is None:
                if kind.fields[name].name != "list":
                    raise BadValueError(f"{where.partition('fields.')[2]}.{name}: nothing in the row for it")
                values[name] = []
        return {name: value for name, value in values.items() if value is not None}

    return Expression(read, frozenset[str]().union(*(expression.columns for expression in expressions.values())))
