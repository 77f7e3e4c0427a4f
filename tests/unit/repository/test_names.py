"""Names are nouns of the field: participles and riddles do not come back, and every metric's name is typed."""

import ast
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

from runtime.metric_names import MetricName
from runtime.metrics import METRICS
from tests.paths import ROOT

PACKAGES = ("schemas", "runtime", "streams", "sinks", "fixtrail")
RIDDLE = re.compile(
    "found|each|said|known|told|place|wanted|kept|seen|made|asked|taken|given|got|took|went|came|gone"
    "|one|other|some|thing|what|whole|written"
)
# A field of topic `alerts`, a column of the ledger, and what a provider says of an address.
ALLOWED = {("schemas/facts.py", "told"), ("sinks/push/ledger/ledger.py", "told"), ("sinks/push/channel.py", "gone")}


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


def names_given(file: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if (name := named(node)) is not None:
            yield name.strip("_").lower()


def test_nothing_is_called_by_a_riddle():
    files = [file for package in (*PACKAGES, "tests") for file in (ROOT / package).rglob("*.py")]
    names = {(str(file.relative_to(ROOT)), name) for file in files for name in names_given(file)}

    assert len(names) > 10_000
    assert {(file, name) for file, name in names if RIDDLE.fullmatch(name)} == ALLOWED


def test_a_class_has_its_name_for_itself():
    """But for what a report and the API call by the words of the contract."""
    files = [file for package in PACKAGES for file in (ROOT / package).rglob("*.py")]
    nodes = (node for file in files for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))))
    names = Counter(node.name for node in nodes if isinstance(node, ast.ClassDef))

    assert {name for name, times in names.items() if times > 1} == {"Figure", "Order"}


def test_every_metric_has_a_typed_name_and_a_meaning():
    assert {name for metrics in METRICS.values() for name in metrics} == set(get_args(MetricName))
