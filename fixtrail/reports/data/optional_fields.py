"""Which of the contract's optional fields a center fills, and how often."""

import pandas as pd

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


def optional_fields(counts: pd.DataFrame) -> pd.DataFrame:
    """A row for each center, type and optional field, those that are never filled included.

    `counts`: center_id, type, phase, field and how many events have it; the field "" counts the events themselves.
    """
    rows = []
    for (center, type_), own in counts.groupby(["center_id", "type"]):
        for field in _optional(str(type_)):
            phase = _OF_PHASE.get((str(type_), field))
            of_phase = own if phase is None else own[own["phase"] == phase]
            events = int(of_phase[of_phase["field"] == ""]["filled"].sum())
            filled = int(of_phase[of_phase["field"] == field]["filled"].sum())
            if events:
                row = {"center_id": center, "type": type_, "field": field, "filled": filled, "events": events}
                rows.append({**row, "share": filled / events})
    return pd.DataFrame(rows, columns=["center_id", "type", "field", "filled", "events", "share"])


def _optional(type_: str) -> list[str]:
    model = EVENT_TYPES[type_]
    names = (name for name, info in model.model_fields.items() if not info.is_required())
    return [name for name in names if name not in _NOT_STORED and name != "phase"]
