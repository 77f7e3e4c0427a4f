"""The rules that the other contenders of the throughput benchmark run are the product's."""

import importlib.util
import random
import re

import orjson
import pytest

from benchmarks.contenders import rules, simple_rules
from benchmarks.contenders.catalog import CONTENDERS
from benchmarks.contenders.kafka_streams import SOURCES
from benchmarks.scores import identity
from streams.journey.batch import journey_facts
from tests import feed
from tests.kafka_cluster import POM

NAME_OF_COLUMN = re.compile(r'fact\.put\("(\w+)"')


def shuffled_feed(seed: int) -> list[bytes]:
    """A feed in any order, some of its events twice."""
    lines = list(feed.lines(feed.clean_feed(seed, 1_500)))
    lines += random.Random(seed).choices(lines, k=100)
    random.Random(seed).shuffle(lines)
    return lines


@pytest.mark.parametrize("seed", range(3))
def test_taken_one_at_a_time_in_any_order_they_come_to_the_same_facts(seed: int):
    events = [event for line in shuffled_feed(seed) if (event := rules.event_of(line)) is not None]
    states: dict[bytes, bytes] = {}
    facts: dict[bytes, dict[str, object]] = {}
    for event in events:
        key = rules.key_of(event)
        state_before = states.get(key)
        if (followed := rules.follow(orjson.loads(state_before) if state_before else None, event)) is not None:
            state, facts[key] = followed
            states[key] = orjson.dumps(state)

    truth = {identity(fact): fact for fact in journey_facts(events)}

    assert {identity(fact) for fact in facts.values()} == truth.keys()
    for fact in facts.values():
        assert without(fact) == without(truth[identity(fact)])


@pytest.mark.parametrize("seed", range(3))
def test_simple_rules_come_to_the_same_in_the_columns_that_they_compute(seed: int):
    lines = shuffled_feed(seed)
    states: dict[bytes, dict[str, object]] = {}
    facts: dict[bytes, dict[str, object]] = {}
    for line in lines:
        event = simple_rules.parsed(line)
        assert event is not None
        key = simple_rules.key_of(event)
        if (followed := simple_rules.follow(states.get(key), event)) is not None:
            states[key], facts[key] = followed

    truth = journey_facts(event for line in lines if (event := rules.event_of(line)) is not None)

    assert {identity(fact): fact for fact in facts.values()} == {
        identity(fact): {name: fact[name] for name in simple_rules.COMPUTED} for fact in truth
    }


def test_the_simple_rules_in_java_compute_the_same_columns_as_those_in_python():
    source = (SOURCES / "src/main/java/fixtrail/OrderState.java").read_text()

    assert set(NAME_OF_COLUMN.findall(source)) == simple_rules.COMPUTED


def test_kafka_streams_is_of_the_version_of_the_broker():
    versions = [re.findall(r"<kafka\.version>(.+)</", file.read_text()) for file in (POM, SOURCES / "pom.xml")]

    assert versions[0] == versions[1] != []


def test_every_decoder_of_the_contenders_reads_the_same_event():
    for line in shuffled_feed(0)[:200]:
        first, *others = (decode(line) for decode in rules.DECODERS.values())
        assert all(event == first for event in others)


@pytest.mark.parametrize("contender", CONTENDERS, ids=lambda contender: contender.name)
def test_every_contender_is_a_program_with_a_fair_share(contender):
    assert importlib.util.find_spec(contender.module) is not None
    assert 0 < contender.share <= 1


def without(fact: dict[str, object]) -> dict[str, object]:
    return {name: value for name, value in fact.items() if name not in rules.NOT_COMPUTED}
