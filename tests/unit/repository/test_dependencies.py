"""docs/decisions/dependencies.md, pyproject.toml and the imports of the product name the same packages."""

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from importlib import metadata
from itertools import chain

import pytest

from tests.paths import ROOT

PACKAGES = ("schemas", "runtime", "streams", "sinks", "fixtrail")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
PAGE = (ROOT / "docs/decisions/dependencies.md").read_text()
DISTRIBUTIONS = metadata.packages_distributions()


def name_of(requirement: str) -> str:
    """The package of a requirement, spelled as indexes compare names."""
    return re.sub(r"[-_.]+", "-", re.split(r"[\[<>=!~; ]", requirement.strip(), maxsplit=1)[0]).lower()


def table(heading: str) -> list[list[str]]:
    """The rows of the first table after the heading's text."""
    lines = PAGE[PAGE.index(heading) :].splitlines()
    first = next(number for number, line in enumerate(lines) if line.startswith("| ---"))
    rows = []
    for line in lines[first + 1 :]:
        if not line.startswith("|"):
            break
        rows.append([cell.strip() for cell in line.strip("|").split("|")])
    return rows


def names_in(cell: str) -> set[str]:
    return {name_of(name) for name in re.sub(r"`[^`]*`|\([^)]*\)", "", cell).split(",")}


# Extras that no lock file has, so they are not installed here: `make test-mcp` has one of them.
NOT_LOCKED = {
    name_of(text)
    for extra, texts in PROJECT["optional-dependencies"].items()
    if extra not in ("otel", "dev", "bench")
    for text in texts
}


def imported_modules() -> dict[str, str]:
    """Top-level modules from elsewhere that the product imports, each with one file that does."""
    files = chain.from_iterable((ROOT / package).rglob("*.py") for package in PACKAGES)
    ours = {*sys.stdlib_module_names, *PACKAGES, *NOT_LOCKED}
    pairs = ((module, str(file.relative_to(ROOT))) for file in files for module in imports_of(file.read_text()))
    return {module: file for module, file in pairs if module not in ours}


def imports_of(code: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.split(".")[0]
        elif isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith("import_module"):
            yield from re.findall(r"^f?'(\w+)", ast.unparse(node.args[0]))


IMPORTED = imported_modules()
REQUIREMENTS = [*PROJECT["dependencies"], *PROJECT["optional-dependencies"]["otel"]]
DECLARED = {name_of(requirement) for requirement in REQUIREMENTS}
CHOSEN = set[str]().union(*(names_in(row[0]) for row in table("| package | licence | says of itself |")))
NOT_IMPORTED = set[str]().union(*(names_in(row[0]) for row in table("imported by nothing of ours")))
BROUGHT = {name: name_of(row[1]) for row in table("asked for by another package") for name in names_in(row[0])}


def test_the_page_lists_what_is_asked_for():
    assert CHOSEN | NOT_IMPORTED == DECLARED


def test_the_page_pins_what_is_pinned():
    pins = {(name_of(text), pin) for text in REQUIREMENTS for pin in re.findall(r"==[\w.]+", text)}
    cells = [row[0].split(",") for row in table("| package | licence | says of itself |")]

    assert {(name_of(text), pin) for text in chain(*cells) for pin in re.findall(r"==[\w.]+", text)} == pins


@pytest.mark.parametrize(("module", "file"), sorted(IMPORTED.items()))
def test_what_is_imported_is_asked_for(module, file):
    names = {name_of(name) for name in DISTRIBUTIONS[module]}

    assert names & (DECLARED | BROUGHT.keys()), f"{file} imports {module} of {names}"


def test_what_is_asked_for_is_imported():
    names = {name_of(name) for module in IMPORTED for name in DISTRIBUTIONS[module]}

    assert DECLARED - names == NOT_IMPORTED
    assert BROUGHT.keys() <= names


@pytest.mark.parametrize(("name", "bringer"), sorted(BROUGHT.items()))
def test_what_is_not_asked_for_comes_with_what_is(name, bringer):
    needed = [name_of(text) for text in metadata.requires(bringer) or [] if "extra ==" not in text]

    assert bringer in DECLARED
    assert name in needed


@pytest.mark.parametrize("name", sorted(NOT_LOCKED))
def test_what_no_lock_file_holds_is_imported_in_one_place(name):
    """Without the extra everything else works."""
    files = [file for package in PACKAGES for file in (ROOT / package).rglob("*.py")]

    assert len([file for file in files if name in imports_of(file.read_text())]) == 1


def test_the_lock_files_hold_what_is_asked_for():
    for file, extras in (("requirements.lock", ["otel"]), ("requirements-dev.lock", ["otel", "dev", "bench"])):
        locked = {name_of(line) for line in (ROOT / file).read_text().splitlines() if re.match(r"[\w.-]+==", line)}
        requirements = [
            *PROJECT["dependencies"],
            *chain(*(PROJECT["optional-dependencies"][extra] for extra in extras)),
        ]

        assert {name_of(requirement) for requirement in requirements} <= locked, file
