"""Work in the bay: jobs with their pauses, jobs done again, and the quality inspector."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from fixtrail.simulator.further import expert_session
from fixtrail.simulator.parts import fetch
from fixtrail.simulator.scenario import FaultGroup, ScenarioPart
from fixtrail.simulator.visit import SimulatedVisit
from fixtrail.simulator.workshop import Steps
from schemas.times import MINUTE_S

EXPERT_MIN, MORNING_MIN = 15.0, 15.0
AS_QUOTED, FOUND_LATER = "已报价配件 · parts quoted before", "追加维修 · additional work"
ONLY_RESULT_SHARE = 0.1  # inspectors who send the result and not the beginning
QUICK_REWORK = 0.4


def repairs(visit: SimulatedVisit, found_later: Sequence[ScenarioPart]) -> Steps[None]:
    """All jobs of the visit, one after the other in one bay, until the last check has passed."""
    yield from visit.wait(visit.profile.dispatch_min)
    bays = visit.shop.bays[visit.reason.lane]
    bay = yield bays.get()
    bay_id = f"{visit.reason.center_id}-b{bay}"
    technician, job = 0, _job_of(visit, 1, bay_id)
    for number, group in enumerate(visit.reason.groups, 1):
        job = _job_of(visit, number, bay_id)
        technician = yield from _job(visit, job, group, found_later if number == 1 else ())
    factor = visit.shop.rework_factor(technician)
    if visit.chance(visit.profile.restarted_job_share * factor):
        yield from _redo_job(visit, job)
    fails = visit.chance(visit.profile.failed_check_share * factor)
    if fails or (not visit.quick and visit.chance(visit.work.inspected_share)):
        yield from _inspection(visit, fails)
    if fails:
        yield from _redo_job(visit, job)
        yield from _inspection(visit, fails=False)
    bays.put(bay)


def _job_of(visit: SimulatedVisit, number: int, bay_id: str) -> dict[str, Any]:
    return {"job_id": f"{visit.order.order_id}-j{number}", "bay_id": bay_id}


def _job(
    visit: SimulatedVisit, job: dict[str, Any], group: FaultGroup, found_later: Sequence[ScenarioPart]
) -> Steps[int]:
    """One job; gives the number of the technician who finished it."""
    technicians = visit.shop.technicians[visit.reason.lane]
    technician: int = yield technicians.get()
    job["technician_id"] = visit.technician_id(technician)
    job["step"] = f"{group.name}-1"
    visit.say("repair", phase="started", **job)
    length_s = visit.durations.work_s(visit.repair_min(group))
    for (begins, _), (ends, why) in pairwise([(0.0, ""), *_pauses(visit, length_s, found_later), (1.0, "")]):
        yield from visit.touch((ends - begins) * length_s)
        if why:
            visit.say("repair", phase="paused", pause_reason=why, **job)
            technicians.put(technician)
            yield from _pause(visit, why, found_later)
            technician = yield technicians.get()
            job["technician_id"] = visit.technician_id(technician)
            visit.say("repair", phase="resumed", **job)
    taken_out = {"batch": visit.batch(group.parts[0])} if group.parts else {}
    visit.say("repair", phase="completed", **taken_out, **job)
    technicians.put(technician)
    return technician


def _pauses(visit: SimulatedVisit, length_s: float, found_later: Sequence[ScenarioPart]) -> list[tuple[float, str]]:
    """(share of the work done before it, reason), in order."""
    work = visit.work
    pauses = [(0.3, "parts")] if found_later else []
    if not visit.quick and visit.chance(work.additional_finding_share):
        pauses.append((0.4, "approval"))
    if not visit.quick and visit.chance(work.expert_pause_share):
        pauses.append((0.5, "expert"))
    left_s = visit.shop.calendar.latest(visit.env.now).closes_s - visit.env.now
    if length_s > left_s + work.overtime_min * MINUTE_S and visit.chance(work.overnight_share):
        pauses.append((0.6, "shift_end"))
    return pauses


def _pause(visit: SimulatedVisit, why: str, found_later: Sequence[ScenarioPart]) -> Steps[None]:
    if why == "parts":
        yield from fetch(visit, found_later)
    elif why == "approval":
        yield from _more_to_do(visit)
    elif why == "expert":
        yield from expert_session(visit, EXPERT_MIN)
    else:
        opens_s = visit.shop.calendar.at_or_after(visit.env.now).opens_s
        yield visit.env.timeout(max(opens_s - visit.env.now, 0.0))
        yield from visit.wait(MORNING_MIN)


def _more_to_do(visit: SimulatedVisit) -> Steps[None]:
    """Something else is found: a second quote, which every customer approves, the vehicle being on the lift."""
    so_far = round(visit.quoted - visit.labour_hours * visit.work.labour_rate, 2)
    visit.labour_hours = round(visit.labour_hours + 0.5, 1)
    as_quoted = {"part_no": "AS-QUOTED", "quantity": 1, "unit_price": so_far, "name": AS_QUOTED, "line_id": "p1"}
    quote = visit.quote([as_quoted] if so_far > 0 else [], FOUND_LATER)
    visit.say("diagnosis", phase="completed", quote=quote, **visit.findings(visit.technician_id(1)))
    yield from visit.wait(visit.profile.approval_min)
    visit.approve()


def _redo_job(visit: SimulatedVisit, job: dict[str, Any]) -> Steps[None]:
    """The job once more: it was not right."""
    visit.reworked = True
    yield from visit.wait(visit.profile.dispatch_min / 2)
    technicians = visit.shop.technicians[visit.reason.lane]
    technician = yield technicians.get()
    job["technician_id"] = visit.technician_id(technician)
    visit.say("repair", phase="started", **job)
    minutes = visit.work.rework_min * (QUICK_REWORK if visit.quick else 1.0)
    yield from visit.touch(visit.durations.work_s(minutes))
    visit.say("repair", phase="completed", **job)
    technicians.put(technician)


def _inspection(visit: SimulatedVisit, fails: bool) -> Steps[None]:
    yield from visit.wait(visit.profile.inspection_queue_min)
    with visit.shop.inspectors.request() as turn:
        yield turn
        if not fails and visit.chance(ONLY_RESULT_SHARE):
            visit.say("quality_check", passed=True)
            visit.ready_s = visit.env.now
            return
        visit.say("quality_check", phase="started")
        yield from visit.touch(visit.durations.work_s(visit.work.check_min))
        visit.say("quality_check", phase="completed", passed=not fails)
