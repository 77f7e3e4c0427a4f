"""Packs for tests, without ClickHouse: figures as somebody told them, with all that a computed pack has beside them."""

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from fixtrail.packs.compute import PackRequest, sealed
from fixtrail.packs.external import external_pack
from fixtrail.packs.period import period_of
from fixtrail.packs.shown import shown_row
from fixtrail.reports.targets import NO_TARGETS
from tests.paths import ROOT

NOW = datetime(2026, 7, 13, 9, tzinfo=UTC)
REQUEST = PackRequest(period_of("week", date(2026, 7, 12)), NO_TARGETS)
OWNERS_TABLE = ROOT / "examples" / "owners-table.toml"
FIGURES = """
[[figure]]
figure = "wait_mean_s"
period = "before"
value = 2150.4
n = 201
low = 2000.0
high = 2300.0
[[figure]]
figure = "wait_mean_s"
period = "now"
value = 1974.6
n = 214
low = 1850.0
high = 2101.3
target = 900
[[figure]]
figure = "nps"
period = "now"
value = 74.285714
n = 105
low = 62.1
high = 83.4
target = 90
[[figure]]
figure = "ftfr"
period = "now"
value = 0.955
n = 200
low = 0.951
high = 0.97
target = 0.95
"""
CHANGES: dict[str, tuple[float, float, float, str]] = {
    "wait_mean_s": (-175.8, -301.2, -50.1, "better"),
    "nps": (4.1, -7.9, 16.2, "not_distinguishable"),
}


def owners_pack() -> dict[str, Any]:
    """The operator's own table."""
    return external_pack(OWNERS_TABLE, REQUEST, NOW)


def full_pack(folder: Path, changes: dict[str, tuple[float, float, float, str]] | None = None) -> dict[str, Any]:
    """A pack with changes, waits, causes, alerts and unknowns."""
    file = folder / "figures.toml"
    file.write_text(FIGURES)
    pack = external_pack(file, REQUEST, NOW)
    rows = []
    for figure, (change, low, high, verdict) in (CHANGES if changes is None else changes).items():
        row = {"figure": figure, "before": 0.0, "after": change, "change": change, "low": low, "high": high}
        row |= {"verdict": verdict, "n_before": 201, "n_after": 214}
        unit = pack["definitions"][figure]["unit"]
        rows.append({**row, "shown": shown_row(row, unit, ("before", "after", "change", "low", "high"))})
    waits = [
        {
            "wait": wait,
            "title": {"zh-CN": wait, "en": wait},
            "this": 60.0 * minutes,
            "previous": 120.0 * minutes,
            "shown": {"this": float(minutes), "previous": 2.0 * minutes},
        }
        for minutes, wait in enumerate(("reception", "approval", "parts", "bay"), 3)
    ]
    cause = {"driver": "wait", "share": 0.412, "low": 0.35, "high": 0.47, "orders": 80}
    cause |= {"title": {"zh-CN": "等待", "en": "wait"}, "shown": shown_row(cause, "share", ("share", "low", "high"))}
    rules = [{"rule": f"rule-{number}", "kind": "wait", "alerts": 9, "kept": 7, "missed": 2} for number in range(6)]
    content = {name: part for name, part in pack.items() if name not in ("sha256", "clock")}
    return sealed(
        {
            **content,
            "as_of": "2026-07-13T00:59:58.123+00:00",
            "changes": rows,
            "waits": waits,
            "causes": {**content["causes"], "from": "2026-04-13", "to": "2026-07-12", "top": [cause] * 3},
            "alerts": {"alerts": 54, "kept": 42, "missed": 12, "rules": rules},
            "unknown": [
                {"what": "unripe", "figure": "ftfr", "n": 150, "of": 200},
                {"what": "no_score", "figure": "nps", "n": 109, "of": 214},
                {"what": "no_report", "report": "eta", "reason": "no estimates"},
                {"what": "not_estimable", "report": "pilot", "reason": "no_controls"},
                {"what": "not_told_apart", "figure": "nps", "n": 105},
                {"what": "no_data", "figure": "nps", "n": 0},
                {"what": "no_n", "figure": "nps"},
            ],
            "data_quality": {"centers": 15, "grades": {"go": 12, "stop": 3}, "not_go": [], "computed": True},
        },
        NOW,
    )
