"""docs/screens.md: each fault is held by a test that there is."""

import re

from tests.paths import ROOT

PAGE = (ROOT / "docs" / "screens.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| (B\d+) \|.*\| `([^`]+)` \|$", PAGE, re.MULTILINE)


def test_each_of_the_seventeen_faults_names_a_test_that_there_is():
    assert [fault for fault, _ in ROWS] == [f"B{number}" for number in range(1, 18)]
    for fault, test in ROWS:
        file, _, name = test.partition("::")
        assert f"def {name}(" in (ROOT / file).read_text(encoding="utf-8"), fault
