"""What an addition costs (docs/recipes.md): the files that name an earlier one of its kind, counted again."""

import re

import pytest

from tests.paths import ROOT

PACKAGES = ("schemas", "runtime", "streams", "sinks", "fixtrail")
ROW = re.compile(r"^\| ([a-z ]+|[a-zA-Z ]+) \| `(.+?)` \| (`[^|]+`) \| [^|]+ \|$", re.MULTILINE)


def rows() -> list[tuple[str, str, list[str]]]:
    """Addition, pattern and files of each row of the table."""
    text = (ROOT / "docs" / "recipes.md").read_text(encoding="utf-8")
    return [
        (name, pattern.replace("\\|", "|"), re.findall(r"`([^`]+)`", files))
        for name, pattern, files in ROW.findall(text)
    ]


def test_every_kind_of_addition_is_counted():
    kinds = "report, channel, setting, page for the staff, figure from SQL, milestone, alert rule, event type"
    assert [name for name, _, _ in rows()] == kinds.split(", ")


@pytest.mark.parametrize(
    ("name", "pattern", "files"), rows(), ids=lambda value: value if isinstance(value, str) else ""
)
def test_an_addition_touches_the_files_that_the_recipe_names(name: str, pattern: str, files: list[str]):
    paths = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
    naming = [path for path in paths if re.search(pattern, path.read_text(encoding="utf-8"), re.MULTILINE)]
    assert [str(path.relative_to(ROOT)) for path in naming] == files, f"docs/recipes.md, row {name!r}"
