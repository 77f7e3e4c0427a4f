"""The part of a pack that its short texts are made of: figures, changes, waits, causes, alerts, what is not known."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from fixtrail.packs.canonical import rounded
from fixtrail.packs.sections import definition_section, is_of_clock
from fixtrail.packs.shown import shown, shown_row
from fixtrail.reports.catalogue import OF_CAUSES
from fixtrail.reports.data.rules import GO
from fixtrail.reports.definitions import DEFINITIONS
from fixtrail.reports.forms.document import as_json
from fixtrail.reports.journey.report import NAMES
from fixtrail.reports.report import Bilingual, Definition, Report, plain
from fixtrail.reports.targets import Targets
from schemas.facts import WAITS

THIS, PREVIOUS = "this", "previous"
# In the order in which texts tell them; a figure with a target comes before one without.
FIRST = ("wait_mean_s", "ftfr", "nps", "complaints_per_100", "stockout_rate", "wait_p90_s")
# Another reading of a figure that texts tell already.
_VARIANTS = ("ftfr_confirmed", "ftfr_provisional", "wait_median_s", "complaints_per_month")
HEADLINES = (
    *FIRST,
    *(
        name
        for name, about in DEFINITIONS.items()
        if about.part == "headline" and name not in FIRST and name not in _VARIANTS
    ),
)
MOST_CAUSES = 3
_SHOWN = ("value", "low", "high", "target")
_SHOWN_CHANGE = ("before", "after", "change", "low", "high")
Row = dict[str, Any]


def summary_of(
    reports: Mapping[str, Report], alerts: Sequence[Row], failures: Mapping[str, str], targets: Targets
) -> dict[str, Any]:
    """The summary of reports, by their names in a pack; `failures` are those that are missing."""
    kpi = reports["kpi"]
    figures = figure_rows(kpi)
    data = reports.get("data")
    summary: dict[str, Any] = rounded(
        {
            "definitions": {name: definition_section(definition) for name, definition in _used(kpi, figures).items()},
            "figures": figures,
            "headlines": headlines(figures, targeted(targets)),
            "verdicts": verdicts(figures, targeted(targets)),
            "changes": _changes(reports.get("change")),
            "counts": _counts(figures),
            "waits": _waits(reports),
            "causes": _causes(reports),
            "alerts": {**_sums(alerts), "rules": list(alerts)},
            "unknown": list(_unknown(figures, reports, failures, targeted(targets))),
            "data_quality": _data_quality(data),
        }
    )
    return summary


def targeted(targets: Targets) -> tuple[str, ...]:
    """The names of the figures that have a target."""
    return (*targets.values, *(name for name in targets.relative if name not in targets.values))


def figure_rows(kpi: Report) -> list[Row]:
    """The figures of report `kpi`, with the numbers that texts show."""
    rows = [row for row in as_json(kpi)["figures"] if not is_of_clock(row["figure"])]
    return [{**row, "shown": shown_row(row, row["unit"], _SHOWN)} for row in rows]


def headlines(figures: Sequence[Row], with_target: Sequence[str]) -> list[str]:
    """The names of the figures that texts tell, those with a target first."""
    names = [row["figure"] for row in figures if row["period"] == THIS]
    ordered = sorted(with_target, key=lambda name: HEADLINES.index(name) if name in HEADLINES else len(HEADLINES))
    return [name for name in dict.fromkeys((*ordered, *HEADLINES)) if name in names]


def verdicts(figures: Sequence[Row], with_target: Sequence[str]) -> dict[str, int]:
    """How many of the targets were met, missed, cannot be told apart, are not settled yet, or have no data."""
    statuses = Counter(status_of(row) for row in figures if row["period"] == THIS and row["figure"] in with_target)
    names = ("met", "missed", "not_distinguishable", "unripe", "no_data")
    return {"of": statuses.total(), **{name: statuses[name] for name in names}}


def status_of(row: Row) -> str:
    """A figure's status; `unripe` where all that it rests on may still change, `no_data` where there is nothing."""
    return row["status"] or ("unripe" if row["value"] is not None and row.get("unripe") else "no_data")


def _used(kpi: Report, figures: Sequence[Row]) -> dict[str, Definition]:
    return {name: kpi.definitions[name] for name in dict.fromkeys(row["figure"] for row in figures)}


def _changes(change: Report | None) -> list[Row]:
    """The rows of report `change`, each with the numbers that texts show."""
    if change is None:
        return []
    rows = [{str(name): plain(value) for name, value in row.items()} for row in change.sheet("changes").rows]
    units = {row["figure"]: change.definitions[row["figure"]].unit for row in rows}
    return [{**row, "shown": shown_row(row, units[row["figure"]], _SHOWN_CHANGE)} for row in rows]


def _counts(figures: Sequence[Row]) -> Row:
    """Orders of the period: all, closed, open."""
    named = {row["figure"]: row for row in figures if row["period"] == THIS}
    orders = named.get("odd_times", {}).get("n_all")
    closed = named.get("response_rate", {}).get("n")
    return {"orders": orders, "closed": closed, "open": named.get("open_orders", {}).get("n")}


def _waits(reports: Mapping[str, Report]) -> list[Row]:
    """Mean wait by cause, in both periods."""
    means = {
        period: {row["activity"]: row["mean_s"] for row in report.sheet("activities").rows}
        for period, name in ((THIS, "journey"), (PREVIOUS, "journey_before"))
        if (report := reports.get(name)) is not None
    }
    return [
        {
            "wait": wait,
            "title": plain(NAMES[wait]),
            **{period: plain(means.get(period, {}).get(wait)) for period in (THIS, PREVIOUS)},
            "shown": {period: shown(plain(means.get(period, {}).get(wait)), "s") for period in (THIS, PREVIOUS)},
        }
        for wait in WAITS
    ]


def _causes(reports: Mapping[str, Report]) -> Row:
    """The causes that take most NPS: of the period, or of the last quarter where the period has too few scores."""
    for name in (OF_CAUSES, "causes"):
        report = reports.get(name)
        rows = [row for row in report.sheets[0].rows if row["rank"] is not None] if report is not None else []
        if report is not None and rows:
            scope = {key: report.scope.get(key) for key in ("from", "to", "usable", "detractors")}
            words = next(column.words for column in report.sheets[0].columns if column.name == "driver")
            return {**scope, "top": [_cause(row, words or {}) for row in rows[:MOST_CAUSES]]}
    reason = reports["causes"].scope.get("not_estimable") if "causes" in reports else None
    return {"from": None, "to": None, "usable": None, "detractors": None, "top": [], "not_estimable": plain(reason)}


def _cause(row: Mapping[str, Any], words: Mapping[str, Bilingual]) -> Row:
    cause = {name: plain(row[name]) for name in ("driver", "share", "low", "high", "orders")}
    title = plain(words[cause["driver"]])
    return {**cause, "title": title, "shown": shown_row(cause, "share", ("share", "low", "high"))}


def _sums(alerts: Sequence[Row]) -> dict[str, int]:
    return {name: sum(int(row[name]) for row in alerts) for name in ("alerts", "kept", "missed")}


def _unknown(
    figures: Sequence[Row], reports: Mapping[str, Report], failures: Mapping[str, str], with_target: Sequence[str]
) -> Iterator[Row]:
    """What the pack cannot tell: figures without enough data, what may still change, and what was left out."""
    named = {row["figure"]: row for row in figures if row["period"] == THIS}
    for name in with_target:
        row = named.get(name)
        if row is not None and (status := status_of(row)) in ("no_data", "not_distinguishable"):
            sentence = "no_data" if status == "no_data" else "not_told_apart"
            yield {"what": sentence, "figure": name, "n": row["n"]}
    if (fixes := named.get("ftfr")) is not None and fixes.get("unripe"):
        yield {"what": "unripe", "figure": "ftfr", "n": fixes["unripe"], "of": fixes["n"]}
    if (score := named.get("nps")) is not None and score["n_all"] is not None:
        yield {"what": "no_score", "figure": "nps", "n": score["n_all"] - (score["n"] or 0), "of": score["n_all"]}
    if (still_open := named.get("open_orders")) is not None and still_open["n"]:
        yield {"what": "open", "figure": "open_orders", "n": still_open["n"], "of": still_open["n_all"]}
    yield from ({"what": "no_report", "report": name, "reason": reason} for name, reason in failures.items())
    yield from (
        {"what": "not_estimable", "report": name, "reason": str(reason)}
        for name, report in reports.items()
        if (reason := report.scope.get("not_estimable"))
    )


def _data_quality(data: Report | None) -> Row:
    """How many centers may be counted, and what is wrong with the others."""
    table = () if data is None else data.sheet("verdicts").rows
    rows = [{str(name): plain(value) for name, value in row.items()} for row in table]
    grades = Counter(row["grade"] for row in rows)
    return {
        "centers": len(rows),
        "grades": dict(sorted(grades.items())),
        "not_go": [row for row in rows if row["grade"] != GO],
        "computed": data is not None,
    }
