"""Which rows a rule is for."""

import re
from collections.abc import Callable
from operator import ge, gt, le, lt

from fixtrail.imports.errors import MappingError
from fixtrail.imports.mapping_file import Choice, Condition, Scalar
from fixtrail.imports.templates import Row

Test = Callable[[Row], bool]


def compile_choice(choice: Choice, where: str) -> tuple[Test, frozenset[str]]:
    """The test for a rule's `match` and `when` together, and the columns that it looks at."""
    columns: set[str] = set()
    tests = [_one_of(column, wanted, columns) for column, wanted in choice.match.items()]
    tests += [_condition(each, f"{where}.when {number}", columns) for number, each in enumerate(choice.when, 1)]
    return _all(tests), frozenset(columns)


def _condition(condition: Condition, where: str, columns: set[str]) -> Test:
    if condition.all is not None:
        return _all([_condition(each, where, columns) for each in condition.all])
    if condition.any is not None:
        tests = [_condition(each, where, columns) for each in condition.any]
        return lambda row: any(test(row) for test in tests)
    if condition.not_ is not None:
        test = _condition(condition.not_, where, columns)
        return lambda row: not test(row)
    return _all(_column_tests(condition, condition.column or "", where, columns))


def _column_tests(condition: Condition, column: str, where: str, columns: set[str]) -> list[Test]:
    columns.add(column)
    tests: list[Test] = []
    if condition.equals is not None:
        tests.append(_one_of(column, (condition.equals,), columns))
    if condition.in_ is not None:
        tests.append(_one_of(column, condition.in_, columns))
    if condition.regex is not None:
        tests.append(_matches(column, condition.regex, where))
    for wanted in (condition.exists, None if condition.empty is None else not condition.empty):
        if wanted is not None:
            tests.append(_filled(column, wanted))
    for compare, limit in ((gt, condition.gt), (ge, condition.ge), (lt, condition.lt), (le, condition.le)):
        if limit is not None:
            tests.append(_compared(column, compare, limit))
    return tests


def _one_of(column: str, wanted: tuple[Scalar, ...], columns: set[str]) -> Test:
    """Text is compared as text ("" is an empty column), true and false without regard to case, numbers as numbers."""
    columns.add(column)
    texts = frozenset(each for each in wanted if isinstance(each, str))
    bools = frozenset(str(each).lower() for each in wanted if isinstance(each, bool))
    numbers = frozenset(float(each) for each in wanted if not isinstance(each, str | bool))
    if not bools and not numbers:
        return lambda row: row.get(column, "") in texts

    def test(row: Row) -> bool:
        text = row.get(column, "")
        return text in texts or text.lower() in bools or _number(text) in numbers

    return test


def _matches(column: str, regex: str, where: str) -> Test:
    try:
        search = re.compile(regex).search
    except re.error as error:
        raise MappingError(f"{where}.regex: no regular expression: {error}") from None
    return lambda row: (text := row.get(column)) is not None and search(text) is not None


def _filled(column: str, wanted: bool) -> Test:
    return lambda row: (column in row) is wanted


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
