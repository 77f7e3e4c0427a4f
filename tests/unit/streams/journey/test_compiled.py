"""The rules run as Python, and compiled where `make test-compiled` puts the wheel before the sources."""

import ast
import importlib
import os
import re

from tests.paths import ROOT

LOCKS = ("requirements-wheel.lock", "requirements-dev.lock")


def compiled_modules():
    """The files that the build compiles, by the list in setup.py."""
    tree = ast.parse((ROOT / "setup.py").read_text())
    return next(ast.literal_eval(node.value) for node in tree.body if isinstance(node, ast.Assign))


def test_the_rules_run_as_the_build_made_them():
    names = [file.removesuffix(".py").replace("/", ".") for file in compiled_modules()]
    is_compiled = {importlib.import_module(name).__file__.endswith(".so") for name in names}

    assert is_compiled == {"FIXTRAIL_TEST_COMPILED" in os.environ}


def test_rules_are_compiled_with_the_versions_that_are_checked_with():
    wheel_pins, dev_pins = (set(re.findall(r"(?m)^\S+==\S+", (ROOT / lock).read_text())) for lock in LOCKS)

    assert wheel_pins <= dev_pins
