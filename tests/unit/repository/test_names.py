"""Names are nouns of the field: participles and riddles do not come back, and every metric's name is typed."""

import ast
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import get_args

import pytest

from runtime.metric_names import MetricName
from runtime.metrics import METRICS
from tests.paths import ROOT

PACKAGES = ("schemas", "runtime", "streams", "sinks", "fixtrail")
# How many variables, parameters, fields and functions of the product may still be called so; a limit only ever sinks.
LIMITS = {
    "found": 0,
    "each": 0,
    "said": 0,
    "known": 3,
    "told": 2,
    "place": 1,
    "wanted": 7,
    "kept": 0,
    "seen": 0,
    "made": 0,
    "asked": 0,
    "taken": 1,
    "given": 0,
    "got": 0,
    "took": 0,
    "went": 0,
    "came": 5,
    "gone": 3,
    "one": 2,
    "other": 4,
    "some": 0,
    "thing": 0,
    "what": 6,
    "whole": 15,
    "written": 4,
}
# The same words in the tests, all together.
MOST_IN_TESTS = 0


def named(node: ast.AST) -> str | None:
    """The name that a node gives to something, if it does."""
    match node:
        case ast.Name(id=name, ctx=ast.Store()) | ast.Attribute(attr=name, ctx=ast.Store()):
            return name
        case ast.arg(arg=name) | ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            return name
        case ast.MatchAs(name=name) | ast.MatchStar(name=name):
            return name
    return None


def names_given(packages: Sequence[str] = PACKAGES) -> Iterator[str]:
    for package in packages:
        for file in (ROOT / package).rglob("*.py"):
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
                if (name := named(node)) is not None:
                    yield name.strip("_").lower()


@pytest.fixture(scope="module")
def counts() -> Counter[str]:
    return Counter(names_given())


@pytest.mark.parametrize("word", LIMITS)
def test_no_more_things_are_called_by_a_riddle(counts: Counter[str], word: str):
    assert counts[word] <= LIMITS[word]


def test_the_tests_use_few_of_them():
    in_tests = Counter(names_given(["tests"]))

    assert sum(in_tests[word] for word in LIMITS) <= MOST_IN_TESTS


def test_the_names_are_really_counted(counts: Counter[str]):
    assert counts["order"] + counts["order_id"] > 100


def test_every_metric_has_a_typed_name_and_a_meaning():
    assert {name for metrics in METRICS.values() for name in metrics} == set(get_args(MetricName))
