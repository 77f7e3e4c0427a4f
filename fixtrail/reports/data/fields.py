"""How often each optional field is filled, and since when one that was sent is hardly sent any more."""

import pandas as pd
from scipy.special import xlogy
from scipy.stats import binom

from fixtrail.reports.data.rules import rules
from schemas.events import EVENT_TYPES

# Personal ones are not stored, so nothing can be said of them.
_NOT_STORED = frozenset({"contact", "vehicle_label", "advisor", "comment", "reason", "resolution"})
# What a phase alone can say.
_OF_PHASE = {
    ("diagnosis", "fault_groups"): "completed",
    ("diagnosis", "fault_origin"): "completed",
    ("diagnosis", "fault_codes"): "completed",
    ("diagnosis", "quote"): "completed",
    ("repair", "pause_reason"): "paused",
    ("quality_check", "passed"): "completed",
    ("part_request", "expected_at"): "backordered",
}
# Fields are filled by whole orders, and many fields and weeks are looked at: chance is to be left out for good.
_CHANCE = 1e-6
COLUMNS = ("center_id", "type", "field", "filled", "events", "share", "lost_since")


def optional_fields(counts: pd.DataFrame) -> pd.DataFrame:
    """A row for each center, type and optional field, those that are never filled included.

    `counts`: center_id, type, phase, week, field and how many events have it; the field "" counts the events
    themselves. `lost_since` is the Monday since which the field has come less than half as often; None for no such day.
    """
    rows = []
    for (center, type_), own in counts.groupby(["center_id", "type"]):
        for field in _optional(str(type_)):
            phase = _OF_PHASE.get((str(type_), field))
            of_phase = own if phase is None else own[own["phase"] == phase]
            n, k = (int(of_phase[of_phase["field"] == name]["filled"].sum()) for name in ("", field))
            if n:
                row = {"center_id": center, "type": type_, "field": field, "filled": k, "events": n, "share": k / n}
                rows.append({**row, "lost_since": _lost_since(of_phase, field) if k else None})
    return pd.DataFrame(rows, columns=list(COLUMNS))


def lost_fields(fields: pd.DataFrame) -> pd.DataFrame:
    """Of each center: optional fields that it has sent, and those of them that are lost."""
    sent = fields[fields["filled"] > 0]
    sums = sent.assign(is_lost=sent["lost_since"].notna()).groupby("center_id")
    return sums.agg(fields_sent=("field", "count"), field_lost=("is_lost", "sum")).reset_index()


def _lost_since(counts: pd.DataFrame, field: str) -> str | None:
    """The first week from which on, to the last one, a phase has the field so rarely as by chance it would not."""
    weeks = counts[counts["field"].isin(("", field))].pivot_table(
        "filled", ["phase", "week"], "field", "sum", fill_value=0
    )
    by_phase = [
        _lost_in(own.droplevel("phase").rename(columns={"": "events", field: "filled"}))
        for _, own in weeks.groupby(level="phase")
    ]
    return min((week for week in by_phase if week is not None), default=None)


def _lost_in(weeks: pd.DataFrame) -> str | None:
    before = weeks.cumsum().shift(fill_value=0)
    after = weeks.sum() - before
    share_before, share_after = before["filled"] / before["events"], after["filled"] / after["events"]
    chance = binom.cdf(after["filled"], after["events"], share_before)
    is_lost = (share_after < share_before / 2) & (after["events"] >= rules().least.field_events) & (chance < _CHANCE)
    fits = (_log_likelihood(before) + _log_likelihood(after))[is_lost]
    return str(fits.idxmax()) if len(fits) else None


def _log_likelihood(counts: pd.DataFrame) -> "pd.Series[float]":
    """How well one share fits the events; the week that parts two shares best is the one of the change."""
    k, n = counts["filled"], counts["events"]
    return pd.Series(xlogy(k, k / n) + xlogy(n - k, 1 - k / n), counts.index)


def _optional(type_: str) -> list[str]:
    model = EVENT_TYPES[type_]
    names = (name for name, info in model.model_fields.items() if not info.is_required())
    return [name for name in names if name not in _NOT_STORED and name != "phase"]
