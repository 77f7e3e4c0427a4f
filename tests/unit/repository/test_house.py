"""The product's files and functions stay small enough to be read in one go."""

import ast
from collections.abc import Iterator
from statistics import median, quantiles

from tests.paths import ROOT

PACKAGES = ("schemas", "runtime", "streams", "sinks", "fixtrail")
LONGEST_FILE = 400
MOST_LOOSE_MODULES = 8


def product() -> Iterator[tuple[str, str]]:
    for package in PACKAGES:
        for file in (ROOT / package).rglob("*.py"):
            yield file.relative_to(ROOT).as_posix(), file.read_text(encoding="utf-8")


def function_lengths() -> list[int]:
    nodes = (node for _, text in product() for node in ast.walk(ast.parse(text)))
    functions = [node for node in nodes if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    return [(node.end_lineno or node.lineno) - node.lineno + 1 for node in functions]


def test_no_file_is_long():
    lengths = {name: len(text.splitlines()) for name, text in product()}

    assert {name: length for name, length in lengths.items() if length > LONGEST_FILE} == {}


def test_functions_are_short():
    lengths = function_lengths()

    assert len(lengths) > 2000
    assert median(lengths) <= 6
    assert quantiles(lengths, n=10)[-1] <= 19


def test_all_of_it_logs_through_logging():
    naming = [name for name, text in product() if "structlog" in text]

    assert naming == ["runtime/logs.py"], "fields of a log line are `extra`"


def test_few_modules_are_in_no_room():
    loose = {file.name for file in (ROOT / "fixtrail").glob("*.py")} - {"__init__.py", "__main__.py"}

    assert len(loose) <= MOST_LOOSE_MODULES, "a module of one subject belongs to the room of its subject"
