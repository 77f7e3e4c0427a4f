"""Values of a query's parameters, {name:Type}, as ClickHouse reads them."""

from typing import Any


def literal(value: Any) -> str:
    """A parameter's value as ClickHouse reads it: text as a field of TabSeparated, None as no text."""
    if isinstance(value, (list, tuple, dict)):
        return _nested_literal(value)
    text = "" if value is None else str(value)
    return text.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n")


def _nested_literal(value: Any) -> str:
    """A value as it stands in a list or a map."""
    if isinstance(value, dict):
        return "{" + ",".join(f"{_nested_literal(name)}:{_nested_literal(item)}" for name, item in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ",".join(_nested_literal(item) for item in value) + "]"
    return quoted(value) if isinstance(value, str) else str(value)


def quoted(text: str) -> str:
    """A text as it stands in a query."""
    return "'" + literal(text).replace("'", "\\'") + "'"
