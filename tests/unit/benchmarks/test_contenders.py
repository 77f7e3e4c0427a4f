"""The rules that the other contenders of the throughput benchmark run are the product's."""

import random

import orjson
import pytest

from benchmarks.contenders.rules import NOT_COMPUTED, event_of, follow
from schemas.order_key import OrderKey
from streams.journey.batch import journey_facts
from tests import feed


@pytest.mark.parametrize("seed", range(3))
def test_taken_one_at_a_time_in_any_order_they_come_to_the_same_facts(seed: int):
    sent = list(feed.lines(feed.clean_feed(seed, 1_500)))
    sent += random.Random(seed).choices(sent, k=100)
    random.Random(seed).shuffle(sent)
    events = [event for line in sent if (event := event_of(line)) is not None]
    states: dict[OrderKey, bytes] = {}
    facts: dict[OrderKey, dict[str, object]] = {}
    for event in events:
        known = states.get(event.order)
        if (followed := follow(orjson.loads(known) if known else None, event)) is not None:
            state, facts[event.order] = followed
            states[event.order] = orjson.dumps(state)

    truth = {OrderKey.of(fact): fact for fact in journey_facts(events)}

    assert facts.keys() == truth.keys()
    for order, fact in facts.items():
        assert without(fact) == without(truth[order])


def without(fact: dict[str, object]) -> dict[str, object]:
    return {name: value for name, value in fact.items() if name not in NOT_COMPUTED}
