"""How much of the technicians' time the work takes, as it is and with a change. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass

from fixtrail.whatif.changes import LANES, Change
from fixtrail.whatif.history import History
from runtime.failure import USAGE, ExitError


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


def pools_of(history: History, change: Change) -> Iterator[Pool]:
    """Each pool that has work."""
    days = sorted({visit.day for visit in history.visits})
    for number in sorted(set(history.technicians.of_lane)):
        lanes = [lane for lane in range(len(LANES)) if history.technicians.of_lane[lane] == number]
        visits = [visit for visit in history.visits if visit.lane in lanes]
        staffed = [(history.staffed(day)[number], history.records.hours(day)) for day in days]
        present = sum(count * (ends_s - starts_s) for count, (starts_s, ends_s) in staffed)
        if not visits or not present:
            continue
        more = sum(change.more(name) for name in _names(number, lanes))
        after = sum(max(count + more, 0) * (ends_s - starts_s) for count, (starts_s, ends_s) in staffed if count)
        work_s = sum(step.work_s for visit in visits for step in visit.steps)
        factor = change.factor("arrivals") * change.factor("work")
        bays = [history.bays.count(pool) for pool in sorted({history.bays.of_lane[lane] for lane in lanes})]
        yield Pool(
            number,
            sum(count for count, _ in staffed) / len(days),
            sum(bays) if history.bays.members else None,
            len(visits) / len(days),
            work_s / len(visits),
            work_s / present,
            work_s * factor / after if after else float("inf"),
        )


def check_change(history: History, change: Change) -> None:
    """Raise ExitError for a change of what this center has not, or that leaves nobody or nowhere to work."""
    for name in ("quick_technicians", "quick_bays"):
        shared = history.technicians.is_shared if name == "quick_technicians" else history.bays.is_shared
        if change.more(name) and shared:
            raise ExitError(f"{name}: the lanes share them here; say {name.removeprefix('quick_')}", USAGE)
    if not history.bays.members and (change.more("bays") or change.more("quick_bays")):
        raise ExitError("bays: no event names its bay here, so how many there are is not known", USAGE)
    for lane, prefix in enumerate(("quick_", "")):
        has_bays = history.bays.count(history.bays.of_lane[lane])
        if change.more(f"{prefix}bays") < 0 and has_bays + change.more(f"{prefix}bays") < 1:
            raise ExitError(f"{prefix}bays: there are {has_bays}; at least one has to remain", USAGE)
        most = max((counts[history.technicians.of_lane[lane]] for counts in history.duty.counts), default=0)
        if change.more(f"{prefix}technicians") < 0 and most + change.more(f"{prefix}technicians") < 1:
            raise ExitError(f"{prefix}technicians: there are at most {most}; at least one has to remain", USAGE)


def _names(number: int, lanes: list[int]) -> list[str]:
    return ["quick_technicians"] * (0 in lanes) + ["technicians"] * (1 in lanes)
