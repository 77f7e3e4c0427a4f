"""No product file imports, directly or by others, a file that imports it, not even for types alone."""

import ast
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

from tests.paths import ROOT

PACKAGES = ("schemas", "runtime", "streams", "sinks", "fixtrail")
FILES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for package in PACKAGES
    for path in (ROOT / package).rglob("*.py")
}


def imported_by(path: Path) -> Iterator[str]:
    """Every product file that a file imports, wherever in it the import stands."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            # `from package import name`: the name may be a file or something in the package.
            names = [
                name if (name := f"{node.module}.{alias.name}") in FILES else str(node.module) for alias in node.names
            ]
        yield from (name for name in names if name in FILES)


def check(graph: dict[str, set[str]]) -> None:
    TopologicalSorter(graph).prepare()


def test_no_files_import_each_other_in_a_circle():
    graph = {name: set(imported_by(path)) for name, path in FILES.items()}

    assert sum(map(len, graph.values())) > 1000
    try:
        check(graph)
    except CycleError as error:
        pytest.fail(f"a circle of imports: {' <- '.join(error.args[1])}")


def test_a_circle_would_be_seen():
    with pytest.raises(CycleError):
        check({"sinks.a": {"sinks.b"}, "sinks.b": {"sinks.c"}, "sinks.c": {"sinks.a"}})


def test_no_file_imports_what_another_one_keeps_to_itself():
    private = {
        f"{name}: {node.module}.{alias.name}"
        for name, path in FILES.items()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom) and node.module in FILES
        for alias in node.names
        if alias.name.startswith("_")
    }

    assert private == set()
