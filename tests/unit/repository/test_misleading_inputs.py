"""docs/statistics.md lists every input that once misled with the tests that hold it; those tests are there."""

import ast
import re
from functools import cache

import pytest

from tests.paths import ROOT

_TABLE = re.compile(r"<!-- misleading inputs: begin -->\n(.*?)<!-- misleading inputs: end -->", re.DOTALL)
_ROW = re.compile(r"^\| F(\d+) \| ([^|]+) \| ([^|]+) \| ([^|]+) \|$", re.MULTILINE)
_TEST = re.compile(r"`(tests/[\w/]+\.py)::(test_\w+)`")
INPUTS = 17


def rows() -> list[tuple[int, str]]:
    """The number of each input, and the cell that names its tests."""
    table = _TABLE.search((ROOT / "docs" / "statistics.md").read_text(encoding="utf-8"))
    assert table, "docs/statistics.md has lost its table of misleading inputs"
    return [(int(row[1]), row[4]) for row in _ROW.finditer(table[1])]


@cache
def names_in(path: str) -> frozenset[str]:
    nodes = ast.walk(ast.parse((ROOT / path).read_text(encoding="utf-8")))
    return frozenset(node.name for node in nodes if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def test_every_input_is_listed_once():
    assert [number for number, _ in rows()] == list(range(1, INPUTS + 1))


@pytest.mark.parametrize(("number", "cell"), rows(), ids=lambda value: f"F{value}" if isinstance(value, int) else "")
def test_its_tests_are_there(number: int, cell: str):
    named = _TEST.findall(cell)

    assert named, f"F{number} names no test"
    for path, name in named:
        assert name in names_in(path), f"F{number}: {path} has no {name}"
