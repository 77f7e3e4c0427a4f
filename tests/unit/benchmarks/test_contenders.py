"""The rules that the other contenders of the throughput benchmark run are the product's."""

from __future__ import annotations

import random

import orjson
import pytest

from benchmarks.contenders.rules import NOT_COMPUTED, event_of, follow
from streams.journey.batch import journey_facts
from tests import feed


@pytest.mark.parametrize("seed", range(3))
def test_taken_one_at_a_time_in_any_order_they_come_to_the_same_facts(seed: int):
    sent = list(feed.lines(feed.clean_feed(seed, 1_500)))
    sent += random.Random(seed).choices(sent, k=100)
    random.Random(seed).shuffle(sent)
    events = [event for line in sent if (event := event_of(line)) is not None]
    states: dict[str, bytes] = {}
    facts: dict[str, dict[str, object]] = {}
    for event in events:
        known = states.get(event.order_id)
        if (followed := follow(orjson.loads(known) if known else None, event)) is not None:
            state, facts[event.order_id] = followed
            states[event.order_id] = orjson.dumps(state)

    truth = {fact["order_id"]: fact for fact in journey_facts(events)}

    assert facts.keys() == truth.keys()
    for order_id, fact in facts.items():
        assert without(fact) == without(truth[order_id])


def without(fact: dict[str, object]) -> dict[str, object]:
    return {name: value for name, value in fact.items() if name not in NOT_COMPUTED}
