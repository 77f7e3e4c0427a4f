"""The process of a visit through a workshop, from the gate to the survey."""

from fixtrail.simulator.bay import repairs
from fixtrail.simulator.further import react
from fixtrail.simulator.parts import fetch, needed_parts
from fixtrail.simulator.visit import CHECK_FEE, SimulatedVisit
from fixtrail.simulator.workshop import Reason, Steps, Workshop
from schemas.times import HOUR_S


def visit_process(shop: Workshop, reason: Reason) -> Steps[None]:
    """The SimPy process of one visit; it begins with the check-in, now."""
    visit = SimulatedVisit(shop, reason)
    visit.check_in()
    # Who comes back with an open complaint does not leave it at that.
    gives_up = visit.chance(visit.work.cancelled_share) and visit.reason.last_odometer_km is None
    yield from visit.reception()
    if gives_up and visit.chance(0.5):
        _leave(visit)
        return
    needed = needed_parts(visit)
    has_quote = gives_up or not visit.quick or visit.chance(visit.work.quick_quote_share)
    yield from visit.diagnosis(needed, has_quote)
    if has_quote:
        yield from visit.wait(visit.profile.approval_min)
        if gives_up:
            _leave(visit)
            return
        if visit.chance(visit.work.declined_share):
            yield from _decline(visit)
            return
        visit.approve()
    visit.update(HOUR_S)
    found_later = [part for part in needed if visit.chance(visit.work.found_later_share)]
    yield from fetch(visit, [part for part in needed if part not in found_later])
    yield from repairs(visit, found_later)
    visit.update(HOUR_S / 4)
    visit.declare_ready()
    yield from visit.pickup()
    visit.hand_off(visit.bill())
    _afterwards(visit)


def _leave(visit: SimulatedVisit) -> None:
    visit.cancel()
    visit.shop.remember(visit.reason.vehicle)


def _decline(visit: SimulatedVisit) -> Steps[None]:
    visit.say("quote_decision", approved=False)
    yield from visit.pickup()
    visit.hand_off(CHECK_FEE)
    visit.shop.remember(visit.reason.vehicle)


def _afterwards(visit: SimulatedVisit) -> None:
    """What the customer says, and whether the vehicle comes back."""
    days = visit.days_to_return()
    for reaction in visit.shop.reactions.after(visit.experience(comes_back=days is not None)):
        react(visit, reaction)
    if days is None:
        visit.shop.remember(visit.reason.vehicle)
    else:
        visit.shop.expect_back(visit.reason_to_return(), days)
