"""Everything once more from the first event, into nothing: the same events must come to the same results."""

import json
from collections import Counter
from dataclasses import replace
from decimal import Decimal
from typing import Any

from tests.chaos import checker, messages, notices, topics
from tests.chaos.checker import Evidence
from tests.chaos.fleet import Fleet
from tests.chaos.watch import CHANGELOG, LETTERS, OUTPUTS, Watch
from tests.kafka_io import read_topic

APP_ID = "again"
PROVIDERS = {"webhook": "webhooks", "sms": "sms"}


def replay_differences(evidence: Evidence, limit_s: float) -> list[str]:
    """What is not the same after a replay into a fresh app id, fresh topics of results and an empty ClickHouse."""
    fleet = evidence.fleet
    before, calls = _results(fleet, evidence.topics), _calls(fleet)
    # What was to be told later may be told now, and nothing else.
    allowed = Counter(PROVIDERS.get(send["channel"]) for send in messages.waiting(fleet))
    fleet.start_anew(APP_ID)
    watch = Watch(fleet)
    watch.start()
    try:
        watch.wait_idle(limit_s)
    except TimeoutError as error:
        return [str(error)]
    finally:
        watch.stop()
    outputs = {name: read_topic(fleet.kafka, name) for name in OUTPUTS}
    outputs[CHANGELOG] = read_topic(fleet.kafka, APP_ID + CHANGELOG)
    after = _results(fleet, outputs)
    differences = [
        f"{kind} {key}: {after[kind].get(key)}, before {before[kind].get(key)}"
        for kind in before
        for key in sorted(before[kind].keys() | after[kind].keys(), key=str)
        if before[kind].get(key) != after[kind].get(key)
    ]
    if fleet.has_customers:
        messages.wait_told(fleet, limit_s, even_later=False)
        fleet.stop(*fleet.now("push"))
        differences += [
            f"customers were told again: {more} more calls of {name}, {allowed[name]} were waiting"
            for name, more in (_calls(fleet) - calls).items()
            if more > allowed[name]
        ]
    # What the watch told before stands in the ledger, and the clock does not say it again.
    outputs["notices"] = evidence.topics["notices"] + outputs["notices"]
    commits = checker.commits_of(fleet, watch)
    again = checker.check(replace(evidence, samples=watch.samples, commits=commits, fault_runs=[], topics=outputs))
    again.broken.pop(checker.ENDS)
    return differences + [
        f"{promise}: {difference}" for promise, several in again.broken.items() for difference in several
    ]


def _calls(fleet: Fleet) -> Counter[str]:
    return Counter({name: provider.requests for name, provider in fleet.providers.items()})


def _rounded(value: Any) -> Any:
    """To the millisecond: sums of floating point numbers depend on the order in which they are added."""
    return round(value, 3) if isinstance(value, Decimal) else value


def _results(fleet: Fleet, outputs: dict[str, list[Any]]) -> dict[str, dict[Any, Any]]:
    """What must not depend on how often something was done: rows, versions, ids."""
    outgoing = (json.loads(record.value) for record in topics.in_order(outputs["notices"]))
    return {
        "row of orders": {
            (row["center_id"], row["order_id"]): row["content"]
            for row in fleet.ask_raw(
                "SELECT center_id, order_id, cityHash64(toString(tuple(*))) AS content FROM fixtrail_raw.journeys FINAL"
            )
        },
        "center hour": {
            (row["center_id"], row["hour"]): {name: _rounded(value) for name, value in row.items()}
            # An hour that everything has left again may be there or not.
            for row in fleet.ask("SELECT * FROM center_hours")
            if any(row[name] for name in ("check_ins", "handed_off", "cancelled", "surveys", "complaints", "lead_s"))
        },
        "event": {
            (row["center_id"], row["order_id"], row["event_id"]): row["content"]
            for row in fleet.ask(
                "SELECT center_id, order_id, event_id, cityHash64(toString(tuple(*))) AS content FROM events"
            )
        },
        "notice": {
            notice["notice_id"]: (notice["center_id"], notice["order_id"], notice["milestone"])
            for notice in outgoing
            if not notices.is_by_clock(notice)
        },
        "dead letter": {
            topics.origin(letter): dict(letter.headers).get(checker.CODE, b"").decode() for letter in outputs[LETTERS]
        },
    }
