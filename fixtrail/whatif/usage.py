"""How much of the technicians' time the work takes, as it is and with a change; changes that cannot be. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from fixtrail.whatif.changes import LANES, QUICK, WhatIfChange
from fixtrail.whatif.donors import FEWEST_DONORS, Donors, without_quick_lane
from fixtrail.whatif.history import WhatIfHistory
from runtime.failure import USAGE, ExitError

Refusal = tuple[str, dict[str, float | str]]


@dataclass(frozen=True, slots=True)
class Pool:
    """One pool's day: technicians and cars on average, bays (None where nobody names them), and the time used."""

    number: int
    technicians: float
    bays: int | None
    cars: float
    work_s: float
    used: float
    used_after: float


def pools_of(history: WhatIfHistory, change: WhatIfChange) -> Iterator[Pool]:
    """Each pool that has work. Without a quick lane they are one, of which all use the same share."""
    days = sorted({visit.day for visit in history.visits})
    factor = change.factor("arrivals") * change.factor("work")
    together = None if change.has_quick_lane else _used_together(history, change, days)
    for number in sorted(set(history.technicians.of_lane)):
        lanes = [lane for lane in range(len(LANES)) if history.technicians.of_lane[lane] == number]
        visits = [visit for visit in history.visits if visit.lane in lanes]
        present = _present_s(history, days, number)
        if not visits or not present:
            continue
        more = sum(change.more(name) for name in _names(lanes))
        work_s = sum(visit.work_s for visit in visits)
        bays = [history.bays.count(pool) for pool in sorted({history.bays.of_lane[lane] for lane in lanes})]
        yield Pool(
            number,
            sum(_present_s(history, [day], number) / _open_s(history, day) for day in days) / len(days),
            sum(bays) if history.bays.members else None,
            len(visits) / len(days),
            work_s / len(visits),
            work_s / present,
            _share(work_s * factor, _present_s(history, days, number, more)) if together is None else together,
        )


def check_change(history: WhatIfHistory, change: WhatIfChange) -> None:
    """Raise ExitError for a change of what this center has not, or that leaves nobody or nowhere to work."""
    for name in ("quick_technicians", "quick_bays"):
        shared = history.technicians.is_shared if name == "quick_technicians" else history.bays.is_shared
        if change.more(name) and shared:
            raise ExitError(f"{name}: the lanes share them here; say {name.removeprefix('quick_')}", USAGE)
    if not history.bays.members and (change.more("bays") or change.more("quick_bays")):
        raise ExitError("bays: no event names its bay here, so how many there are is not known", USAGE)
    changed = history if change.has_quick_lane else without_quick_lane(history)
    for lane, prefix in enumerate(("quick_", "")):
        has_bays = changed.bays.count(changed.bays.of_lane[lane])
        if change.more(f"{prefix}bays") < 0 and has_bays + change.more(f"{prefix}bays") < 1:
            raise ExitError(f"{prefix}bays: there are {has_bays}; at least one has to remain", USAGE)
        most = changed.duty.most(changed.technicians.of_lane[lane])
        if change.more(f"{prefix}technicians") < 0 and most + change.more(f"{prefix}technicians") < 1:
            raise ExitError(f"{prefix}technicians: there are at most {most}; at least one has to remain", USAGE)


def unsupported(history: WhatIfHistory, change: WhatIfChange) -> Refusal | None:
    """Why a history does not say what a change would do, where it does not: a code and what its sentence names."""
    quick = sum(visit.lane == QUICK and visit.is_counted for visit in history.visits)
    if not change.has_quick_lane and quick < FEWEST_DONORS:
        return "no_quick_lane", {"cars": quick}
    if change.stockout is not None:
        donors = Donors(history.visits)
        out, there = donors.count(is_out=True), donors.count(is_out=False)
        if min(out, there) < FEWEST_DONORS:
            return "no_stockouts", {"out": out, "there": there}
    return None


def _used_together(history: WhatIfHistory, change: WhatIfChange, days: Sequence[int]) -> float:
    """The share of everybody's time that the work takes when there is no quick lane."""
    donors = Donors(history.visits)
    work_s = sum(donors.standard_work_s(visit) for visit in history.visits)
    present = _present_s(without_quick_lane(history), days, 0, change.more("technicians"))
    return _share(work_s * change.factor("arrivals") * change.factor("work"), present)


def _present_s(history: WhatIfHistory, days: Sequence[int], pool: int, more: int = 0) -> float:
    """The technicians' time within opening hours, with so many more where there is anybody."""
    return sum(
        max(presence.counts[pool] + more, 0) * presence.seconds_within(history.records.hours(day))
        for day in days
        for presence in history.duty.days[day]
        if presence.counts[pool]
    )


def _open_s(history: WhatIfHistory, day: int) -> float:
    opens_s, closes_s = history.records.hours(day)
    return closes_s - opens_s


def _share(work_s: float, present_s: float) -> float:
    return work_s / present_s if present_s else float("inf")


def _names(lanes: list[int]) -> list[str]:
    return ["quick_technicians"] * (0 in lanes) + ["technicians"] * (1 in lanes)
