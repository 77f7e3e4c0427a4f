"""People needed: Erlang's C beside published figures and a simulation, and whole days beside another simulation."""

import heapq
import math
import random

import numpy as np
import pytest

from fixtrail.reports.need.staffing import WaitLimit, needs_of, work_in_hand
from fixtrail.reports.stats.queueing import erlang_c, servers_needed, wait_beyond

LIMIT = WaitLimit()
HOUR = 3600.0


def played_day(staff, requests, services, draw, slot_s=1800.0):
    """(slot, wait) of each request of one day: an event loop with one queue, people coming and leaving by slot."""
    arrivals = [
        (slot + draw.random()) * slot_s for slot, mean in enumerate(requests) for _ in range(poisson(mean, draw))
    ]
    events = [(at, 1, "comes") for at in arrivals] + [(slot * slot_s, 2, "duty") for slot in range(len(staff))]
    heapq.heapify(events)
    queue, busy, waits = [], set(), []
    while events:
        now, _, kind = heapq.heappop(events)
        busy.discard(kind)
        if kind == "comes":
            queue.append(now)
        on_duty = range(staff[min(int(now // slot_s), len(staff) - 1)])
        while queue and (idle := [person for person in on_duty if person not in busy]):
            arrival_s = queue.pop(0)
            waits.append((int(arrival_s // slot_s), now - arrival_s))
            busy.add(idle[0])
            heapq.heappush(events, (now + draw.choice(services), 0, idle[0]))
    return waits


def poisson(mean, draw):
    """Knuth's method."""
    limit, number, product = math.exp(-mean), 0, draw.random()
    while product > limit:
        number, product = number + 1, product * draw.random()
    return number


def played_shares(staff, requests, services, days):
    draw, counts, late = random.Random(4), [0] * len(staff), [0] * len(staff)
    for _ in range(days):
        for slot, wait in played_day(staff, requests, services, draw):
            counts[slot] += 1
            late[slot] += wait > LIMIT.longest_s
    return np.array(late) / np.maximum(counts, 1), np.array(counts)


def test_erlang_c_is_that_of_published_tables():
    # Cooper, Introduction to Queueing Theory (1981); the textbook's call centre: 10 erlangs and 11, 12 and 14 agents.
    assert erlang_c(11, 10.0) == pytest.approx(0.6821, abs=5e-4)
    assert erlang_c(12, 10.0) == pytest.approx(0.4494, abs=5e-4)
    assert erlang_c(14, 10.0) == pytest.approx(0.1741, abs=5e-4)
    assert erlang_c(1, 0.4) == pytest.approx(0.4)


def test_the_formula_is_the_sum_that_erlang_wrote():
    for servers, load in ((1, 0.3), (3, 2.5), (7, 4.0), (20, 18.5)):
        last = load**servers / math.factorial(servers) * servers / (servers - load)
        total = sum(load**k / math.factorial(k) for k in range(servers)) + last
        assert erlang_c(servers, load) == pytest.approx(last / total, rel=1e-12)


def test_one_more_person_never_makes_a_customer_wait_longer():
    for load in (0.2, 1.0, 3.7, 12.0):
        shares = [wait_beyond(servers, load, HOUR, 900) for servers in range(1, 20)]
        assert shares == sorted(shares, reverse=True)


def test_as_few_as_possible_are_needed_and_nobody_where_there_is_no_work():
    assert servers_needed(0.0, HOUR, 900, 0.2) == 0
    for load in (0.05, 0.9, 3.0, 9.4):
        needed = servers_needed(load, HOUR, 900, 0.2)
        assert wait_beyond(needed, load, HOUR, 900) <= 0.2 < (wait_beyond(needed - 1, load, HOUR, 900) or 1.0)


def test_the_share_that_waits_too_long_is_that_of_a_played_queue():
    """A long steady day of exponential jobs, against an event loop that shares no code with the formula."""
    draw = random.Random(2)
    services = [draw.expovariate(1 / 1500.0) for _ in range(20_000)]
    rate_a_slot, slots = 3.0, 400
    mean_s = sum(services) / len(services)
    for servers in (3, 4):
        shares, counts = played_shares([servers] * slots, [rate_a_slot] * slots, services, 40)
        played = (shares * counts)[50:].sum() / counts[50:].sum()
        assert played == pytest.approx(wait_beyond(servers, rate_a_slot * mean_s / 1800, mean_s, 900), abs=0.03)


@pytest.fixture(scope="module")
def day():
    draw = np.random.default_rng(3)
    requests = np.array([3, 4, 4, 3, 3, 2, 2, 2, 3, 3, 3, 2, 2, 2, 2, 1, 1, 0.5, 0.2])
    services = draw.gamma(2.0, 18 * 60, 500)
    return requests, services, needs_of(requests[None], services, LIMIT)


def test_with_the_people_needed_as_many_wait_too_long_as_in_a_played_day(day):
    requests, services, need = day
    shares, counts = played_shares(list(need.staff[0]), requests, list(services), 3000)

    assert (abs(shares - need.too_long[0])[counts > 1500] < 0.03).all()
    assert (shares[counts > 1500] <= LIMIT.share + 0.03).all()


def test_with_one_person_less_in_a_busy_slot_too_many_wait(day):
    requests, services, need = day
    busiest = int(requests.argmax())
    staff = need.staff[0].copy()
    staff[busiest : busiest + 3] -= 1
    shares, _ = played_shares(list(staff), requests, list(services), 1500)

    assert shares[busiest : busiest + 3].max() > LIMIT.share


def test_work_in_hand_is_all_the_work_that_came(day):
    """Nothing is lost between slots: what is in hand over a long day adds up to requests times their length."""
    requests, services, _ = day
    total = work_in_hand(np.concatenate([requests, np.zeros(60)])[None], services).sum() * 1800

    assert total == pytest.approx(requests.sum() * services.mean(), rel=0.005)


@pytest.mark.parametrize("services", [[480.0], [300.0] * 24 + [10_800.0]])
@pytest.mark.parametrize("requests", [0.6, 2.0])
def test_jobs_that_are_not_exponential_need_what_the_played_day_needs(services, requests):
    """The formula alone is off by up to 12 points: reception always takes as long, and few jobs take very long."""
    day = np.array([requests] * 10 + [requests / 2] * 4)
    need = needs_of(day[None], np.array(services), LIMIT)
    shares, counts = played_shares(list(need.staff[0]), day, services, 2500)

    assert (abs(shares - need.too_long[0])[counts > 1200] < 0.03).all()
    assert abs(shares @ counts - need.too_long[0] @ counts) / counts.sum() < 0.02
    assert (shares <= LIMIT.share + 0.03).all()


def test_as_long_a_job_for_all_needs_fewer_people_than_the_formula_says():
    """One person holds two cars a half hour of eight minutes each; the formula says two."""
    need = needs_of(np.full((1, 8), 2.0), np.array([480.0]), LIMIT)

    assert (need.erlang == 2).any() and (need.staff == 1).all()


def test_a_half_hour_in_which_hardly_anything_is_asked_for_needs_nobody():
    need = needs_of(np.array([[2.0, 2.0, 0.0005, 0.0005]]), np.array([600.0, 900.0]), LIMIT)

    assert need.staff[0, 0] > 0 and need.staff[0, 3] == 0
