"""First-time fix of each technician beside what his cases let expect, and jobs below grade. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from operator import itemgetter
from typing import Any

import numpy as np
import pandas as pd
from scipy import special

from fixtrail.reports.grades.staff_file import Staff
from fixtrail.reports.report import Bilingual, Column
from fixtrail.reports.stats.case_mix import Effects, mixed_model
from fixtrail.reports.stats.matched import MatchedDifference, Outcome, matched_difference
from fixtrail.reports.stats.models import controls_of

# Below so many judged orders a technician is listed, but neither ranked nor drawn.
LEAST = 20
FEWEST_ORDERS = 50
CONTROLS = ("center_id", "fault_group", "fault_origin", "lane", "is_comeback")
UNKNOWN = ""
TECHNICIAN_COLUMNS = (
    Column("center_id", Bilingual("服务中心", "center")),
    Column("technician", Bilingual("技师", "technician")),
    Column("judged", Bilingual("判定工单", "judged"), "count"),
    Column("fixed", Bilingual("一次修复", "fixed first time"), "count"),
    Column("ftfr", Bilingual("一次修复率", "FTFR"), "share"),
    Column("expected", Bilingual("按其工单应有", "expected with his cases"), "share"),
    Column("adjusted", Bilingual("收缩后", "shrunk"), "share"),
    *Column.bounds("share"),
    Column("enough", Bilingual("数量足够", "enough")),
    Column("apart", Bilingual("与应有不同", "apart from the expected")),
)
_COLUMNS = [column.name for column in TECHNICIAN_COLUMNS]


@dataclass(frozen=True, slots=True)
class CaseMix:
    """One row per technician, and how far technicians differ (log-odds); `reason` why nothing could be estimated."""

    technicians: pd.DataFrame
    spread: float | None
    reason: str | None = None


def case_mix_of(work: pd.DataFrame) -> CaseMix:
    """The case mix of query grades: a row for each technician of an order."""
    if len(work) < FEWEST_ORDERS:
        return CaseMix(pd.DataFrame(columns=_COLUMNS), None, "few_data")
    held = work["ftf"].astype(float).to_numpy()
    columns, number, persons = design_of(work, held)
    expected, effects = mixed_model(held, columns, persons)
    rows = [_row(key, np.array(persons) == index, held, expected, effects, index) for key, index in number.items()]
    table = pd.DataFrame(rows, columns=_COLUMNS).sort_values(
        ["enough", "adjusted"], ascending=[False, True], kind="stable", ignore_index=True
    )
    return CaseMix(table, effects.spread)


def design_of(work: pd.DataFrame, outcome: Any) -> tuple[Any, dict[tuple[str, str], int], list[int]]:
    """(the controls' columns, the number of each technician by center and name, that of each row's technician)."""
    frame = work.assign(fault_group=["+".join(sorted(groups)) for groups in work["fault_groups"]])
    controls = controls_of(frame, CONTROLS, outcome)
    columns = controls.to_numpy(float) if len(controls.columns) else np.empty((len(frame), 0))
    keys = list(zip(frame["center_id"], frame["technician"], strict=True))
    number = {key: index for index, key in enumerate(dict.fromkeys(keys))}
    return columns, number, [number[key] for key in keys]


def _row(
    key: tuple[str, str], own: "np.ndarray[Any, Any]", held: Any, expected: Any, effects: Effects, index: int
) -> dict[str, Any]:
    n, fixed = int(own.sum()), int(held[own].sum())
    # The usual cases are those of his own center.
    value, interval = effects.share(index, expected[own])
    usual = float(special.expit(expected[own]).mean())
    low, high = interval.low or 0.0, interval.high or 0.0
    return {
        "center_id": key[0],
        "technician": key[1],
        "judged": n,
        "fixed": fixed,
        "ftfr": fixed / n,
        "expected": usual,
        "adjusted": value,
        "low": low,
        "high": high,
        "enough": n >= LEAST,
        "apart": n >= LEAST and (high < usual or low > usual),
    }


@dataclass(frozen=True, slots=True)
class BelowGrade:
    """Jobs (technician and order) that need a grade and have a known one; `n_all` counts those without, too."""

    jobs: pd.DataFrame
    n_all: int
    difference: MatchedDifference


def below_grade(work: pd.DataFrame, staff: Staff, events: pd.DataFrame) -> BelowGrade:
    """The jobs below grade. `events`: grades of reference events (center_id, staff_key, grade, from_ms)."""
    grades = _grades(staff, events)
    judged = [
        staff.is_below(
            _grade_at(_grades_of(grades, row.center_id, row.technician), int(row.worked_ms)), list(row.fault_groups)
        )
        for row in work.itertuples(index=False)
    ]
    needing = work.assign(is_below=judged)
    needs = [staff.is_below(staff.grades[0], list(groups)) is not None for groups in work["fault_groups"]]
    needing = needing[pd.Series(needs, needing.index, dtype=bool)]
    jobs = needing[needing["is_below"].notna()]
    return BelowGrade(
        jobs,
        len(needing),
        matched_difference(
            Outcome((row.center_id, tuple(sorted(row.fault_groups))), bool(row.is_below), bool(row.ftf))
            for row in jobs.itertuples(index=False)
        ),
    )


Dated = tuple[int, str]


def _grades(staff: Staff, events: pd.DataFrame) -> dict[tuple[str, str], list[Dated]]:
    """Each person's grades with the instants (ms) from which they hold, in order; of one instant the events' last."""
    grades: dict[tuple[str, str], list[Dated]] = {}
    for person in staff.person:
        since = int(datetime(person.since.year, person.since.month, person.since.day, tzinfo=UTC).timestamp() * 1000)
        grades.setdefault((person.center, person.id), []).append((since, person.grade))
    for row in events.itertuples(index=False):
        grades.setdefault((str(row.center_id), str(row.staff_key)), []).append((int(row.from_ms), str(row.grade)))
    return {key: sorted(dated, key=itemgetter(0)) for key, dated in grades.items()}


def _grades_of(grades: Mapping[tuple[str, str], list[Dated]], center: str, technician: str) -> Sequence[Dated]:
    """A technician's grades at a center; one that was told without a center holds where the center tells none."""
    return grades.get((center, technician)) or grades.get(("", technician)) or ()


def _grade_at(dated: Sequence[Dated], at: int) -> str:
    """The grade that held at an instant, "" for none."""
    return next((grade for since, grade in reversed(dated) if since <= at), UNKNOWN)
