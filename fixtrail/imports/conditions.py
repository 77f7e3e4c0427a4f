"""Compiles the conditions of a rule into a test of rows."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from operator import ge, gt, le, lt

from fixtrail.imports.errors import MappingError
from fixtrail.imports.mapping_file import Condition, RowFilter, Scalar
from fixtrail.imports.templates import Row

Test = Callable[[Row], bool]

# Columns of every row in conditions on other rows: these the importer knows while it reads the log for the first time.
KNOWN_AT_ONCE = frozenset({"@case", "@activity", "@line"})


@dataclass
class Needs:
    """What conditions want of the importer: columns of the log, and tests that are tried on every row of a case.

    The answers to the test number k stand in the columns `@some k`, `@earlier k` and `@later k` of the case's rows.
    """

    columns: set[str] = field(default_factory=set)
    row_tests: list[Test] = field(default_factory=list)


def compile_filter(choice: RowFilter, where: str, needs: Needs) -> Test:
    """The test for a rule's `match` and `when` together; what it looks at is added to `needs`."""
    tests = [_one_of(column, values, needs) for column, values in choice.match.items()]
    tests += [_condition(condition, f"{where}.when {number}", needs) for number, condition in enumerate(choice.when, 1)]
    return _all(tests)


def _condition(condition: Condition, where: str, needs: Needs) -> Test:
    if condition.all is not None:
        return _all([_condition(part, where, needs) for part in condition.all])
    if condition.any is not None:
        tests = [_condition(part, where, needs) for part in condition.any]
        return lambda row: any(test(row) for test in tests)
    if condition.not_ is not None:
        test = _condition(condition.not_, where, needs)
        return lambda row: not test(row)
    others = {"some": condition.some_row, "earlier": condition.earlier_row, "later": condition.later_row}
    for name, condition_of_other in others.items():
        if condition_of_other is not None:
            return _other_row(name, condition_of_other, where, needs)
    return _all(_column_tests(condition, condition.column or "", where, needs))


def _other_row(name: str, condition: Condition, where: str, needs: Needs) -> Test:
    inner = Needs()
    test = _condition(condition, f"{where}.{name}_row", inner)
    later_columns = sorted(column for column in inner.columns if column.startswith("@") and column not in KNOWN_AT_ONCE)
    if inner.row_tests or later_columns:
        raise MappingError(
            f"{where}.{name}_row: takes columns of the log and {', '.join(sorted(KNOWN_AT_ONCE))}, no other condition"
            " on rows"
        )
    needs.columns |= inner.columns
    column = f"@{name} {len(needs.row_tests)}"
    needs.row_tests.append(test)
    return lambda row: column in row


def _column_tests(condition: Condition, column: str, where: str, needs: Needs) -> list[Test]:
    needs.columns.add(column)
    tests: list[Test] = []
    if condition.equals is not None:
        tests.append(_one_of(column, (condition.equals,), needs))
    if condition.in_ is not None:
        tests.append(_one_of(column, condition.in_, needs))
    if condition.regex is not None:
        tests.append(_matches(column, condition.regex, where))
    for is_filled in (condition.exists, None if condition.empty is None else not condition.empty):
        if is_filled is not None:
            tests.append(_filled(column, is_filled))
    for compare, limit in ((gt, condition.gt), (ge, condition.ge), (lt, condition.lt), (le, condition.le)):
        if limit is not None:
            tests.append(_compared(column, compare, limit))
    return tests


def _one_of(column: str, values: tuple[Scalar, ...], needs: Needs) -> Test:
    """Text is compared as text ("" is an empty column), true and false without regard to case, numbers as numbers."""
    needs.columns.add(column)
    texts = frozenset(value for value in values if isinstance(value, str))
    bools = frozenset(str(value).lower() for value in values if isinstance(value, bool))
    numbers = frozenset(float(value) for value in values if not isinstance(value, str | bool))
    if not bools and not numbers:
        return lambda row: row.get(column, "") in texts

    def test(row: Row) -> bool:
        text = row.get(column, "")
        return text in texts or text.lower() in bools or (bool(numbers) and _number(text) in numbers)

    return test


def _matches(column: str, regex: str, where: str) -> Test:
    try:
        search = re.compile(regex).search
    except re.error as error:
        raise MappingError(f"{where}.regex: no regular expression: {error}") from None
    return lambda row: (text := row.get(column)) is not None and search(text) is not None


def _filled(column: str, is_filled: bool) -> Test:
    return lambda row: (column in row) is is_filled


def _compared(column: str, compare: Callable[[float, float], bool], limit: float) -> Test:
    def test(row: Row) -> bool:
        number = _number(row.get(column, ""))
        return number is not None and compare(number, limit)

    return test


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _all(tests: list[Test]) -> Test:
    if len(tests) == 1:
        return tests[0]
    if len(tests) == 2:
        first, second = tests
        return lambda row: first(row) and second(row)
    return lambda row: all(test(row) for test in tests)
