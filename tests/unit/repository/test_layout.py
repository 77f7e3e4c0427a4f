"""The repository is laid out as DESIGN says, and our packages are the ones that get imported."""

import importlib
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.paths import ROOT

PACKAGES = ("schemas", "runtime", "streams", "sinks", "fixtrail")
FOLDERS = {"analytics", "benchmarks", "compose", "deploy", "docs", "examples", "tests", "tools", *PACKAGES}
_CODE_PATH = re.compile(rf"`((?:{'|'.join(sorted(FOLDERS))})/[a-z0-9_./-]*)`")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def tracked() -> list[str]:
    listed = subprocess.run(["git", "-C", ROOT, "ls-files"], capture_output=True, text=True)
    if listed.returncode:
        pytest.skip("no git checkout: the files that belong to the repository cannot be told from others")
    return listed.stdout.splitlines()


def test_the_top_holds_no_other_folder():
    folders = {path.split("/")[0] for path in tracked() if "/" in path}

    assert {name for name in folders if not name.startswith(".")} <= FOLDERS


@pytest.mark.parametrize("name", PACKAGES)
def test_our_packages_are_imported_from_the_repository(name):
    module = importlib.import_module(name)

    assert Path(module.__file__).resolve() == (ROOT / name / "__init__.py").resolve()


@pytest.mark.parametrize("name", PACKAGES)
def test_our_packages_win_from_any_working_directory(name, tmp_path):
    """Even where the working directory has a folder of the same generic name."""
    (tmp_path / name).mkdir()
    (tmp_path / name / "__init__.py").touch()
    command = [sys.executable, "-P", "-c", f"import {name}; print({name}.__file__)"]
    path = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True).stdout.strip()

    assert Path(path).resolve().is_relative_to(ROOT.resolve())


def test_it_can_not_be_uploaded_to_an_index():
    assert "Private :: Do Not Upload" in PROJECT["project"]["classifiers"]


def test_every_package_is_named_and_no_other():
    """Named one by one: automatic discovery would ship tests and tools too."""
    packages = {path.rsplit("/", 1)[0].replace("/", ".") for path in tracked() if path.endswith("/__init__.py")}

    assert {name for name in packages if name.split(".")[0] in PACKAGES} == set(
        PROJECT["tool"]["setuptools"]["packages"]
    )
    assert {name.split(".")[0] for name in PROJECT["tool"]["setuptools"]["packages"]} == set(PACKAGES)


def test_package_markers_are_empty():
    markers = [path for path in tracked() if path.endswith("__init__.py")]

    assert [path for path in markers if (ROOT / path).read_text().strip()] == []


def test_the_picture_of_the_house_names_every_room():
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    rooms = {path.split("/")[1] for path in tracked() if re.fullmatch(r"fixtrail/\w+/__init__\.py", path)}

    assert {room for room in rooms if f"`{room}/`" not in text} == set()


def test_the_documents_name_files_that_are_there():
    """Paths with a placeholder (NAME, NNNN) aside."""
    pages = [path for path in tracked() if path.endswith(".md") and path != "CHANGELOG.md"]
    named = {(page, name) for page in pages for name in _CODE_PATH.findall((ROOT / page).read_text(encoding="utf-8"))}

    assert {(page, name) for page, name in named if not (ROOT / name).exists()} == set()
