"""The clock of a whole stack is set an hour off and right again: nothing is lost, nothing told that is not so."""

import json
import os
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from fixtrail.operations.overview import scrape
from runtime.clock import SETTLING_S
from tests import compare, feed
from tests.integration.test_customers_told import PUSH, Town, happening
from tests.jumping_clock import COMPILER, HOUR_S, JumpingClock
from tests.providers.sms_gateway import TOKEN, SmsGateway
from tests.providers.webhooks import Webhooks
from tests.stack import Stack, wait_for
from tests.truth import Event, Truth

pytestmark = pytest.mark.skipif(COMPILER is None, reason="needs a C compiler (apt-get install gcc libc6-dev)")

BOXES = ("worker-1", "sink-clickhouse", "sink-push", "watch", "web")
CARS = 10
WRONG_FOR_S = 4.0
LIMIT_S = 60.0
# A loop that turns without a pause would use nearly a whole processor.
BUSY = 0.6


class Sent:
    """All events sent so far, whose figures are compared."""

    def __init__(self, town: Town, folder: Path) -> None:
        self.town, self._folder = town, folder
        self.events: list[Event] = []

    def send(self, events: list[Event]) -> None:
        path = self._folder / f"{len(self.events)}.ndjson"
        feed.write(path, events)
        self.town.stack.send(path)
        self.events += events


@pytest.fixture(scope="module")
def clock(tmp_path_factory: pytest.TempPathFactory) -> JumpingClock:
    return JumpingClock(tmp_path_factory.mktemp("clock"))


@pytest.fixture(scope="module")
def sent(clock: JumpingClock, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sent]:
    folder = tmp_path_factory.mktemp("jumps")
    (folder / "push.toml").write_text(PUSH)
    with Webhooks() as hooks, SmsGateway() as sms:
        environment = {
            "FIXTRAIL_PUSH": str(folder / "push.toml"),
            "SMS_URL": f"smseagle://{TOKEN}@127.0.0.1:{sms.port}/{{address}}",
        }
        with Stack(folder / "stack", environment={**clock.environment, **environment}) as stack:
            yield Sent(Town(stack, hooks, sms), folder)


def cars(name: str, hook: str) -> list[Event]:
    """Each came a minute ago, is promised in 45, and nobody has looked at it yet: in an hour it would be late."""
    promised = (datetime.now(UTC) + timedelta(minutes=45)).isoformat(timespec="seconds")
    about = {"customer_id": "K1", "lane": "standard", "promised_at": promised, "contact": [f"webhook:{hook}/in"]}
    return [happening(f"{name}-{number}")("check_in", 60, **about) for number in range(CARS)]


def wrong(sent: Sent, clock: JumpingClock, offset_s: int) -> None:
    """Cars come before the clock goes wrong and while it is; then it is set right."""
    stack, hook = sent.town.stack, sent.town.hooks.url
    sent.send(cars(f"R{len(sent.events)}", hook))
    stack.wait_idle()
    boxes, began, used = stack.pids(), time.monotonic(), cpu_seconds(stack)
    jumps = {name: jumps_of(stack, name) for name in BOXES}
    clock.set(offset_s)
    try:
        wait_for(lambda: all(jumps_of(stack, name) > jumps[name] for name in BOXES), LIMIT_S, "all have noticed")
        sent.send(cars(f"R{len(sent.events)}", hook))
        stack.wait_idle()
        time.sleep(WRONG_FOR_S)
        problems = {name: " ".join(health(stack, name).get("problems", ())) for name in BOXES}
        assert all("the clock of this machine was set by" in text for text in problems.values()), problems
        assert "the clock was set" in stack.run("status", exit_code=None)
    finally:
        clock.set(0)
    wait_for(lambda: all(jumps_of(stack, name) > jumps[name] + 1 for name in BOXES), LIMIT_S, "and that it is right")
    stack.wait_idle()

    assert stack.pids() == boxes, "no box has ended"
    states = {name: health(stack, name)["state"] for name in BOXES}
    assert set(states.values()) == {"ready"}, states
    spent, took_s = cpu_seconds(stack), time.monotonic() - began
    busy = {name: round((spent[name] - used[name]) / took_s, 2) for name in BOXES}
    assert max(busy.values()) < BUSY, busy
    differences = compare.clickhouse_differences(stack.ask, Truth(sent.events))
    assert not differences, compare.summary_of(differences)
    assert stack.ask("SELECT rule, subject FROM alerts") == []
    assert set(sent.town.milestones()) <= {"checked_in"}


def test_every_box_says_that_its_clock_was_set_and_nobody_hears_what_is_not_so(sent: Sent, clock: JumpingClock):
    wrong(sent, clock, HOUR_S)
    assert "the clock of this machine was set by +3600 s" in "".join(sent.town.stack.logs().values())


@pytest.mark.long
@pytest.mark.parametrize("offset_s", [HOUR_S, -HOUR_S])
def test_customers_are_told_once_though_the_clock_was_wrong(sent: Sent, clock: JumpingClock, offset_s: int):
    """Even one whose message was planned an hour ahead hears it soon after the clock is right."""
    wrong(sent, clock, offset_s)
    orders = {event["order_id"] for event in sent.events}

    def messages_by_order() -> Counter[str]:
        return Counter(message["data"]["order_id"] for _, message in sent.town.hooks.accepted)

    wait_for(
        lambda: orders <= messages_by_order().keys(), SETTLING_S + 180 + LIMIT_S, f"all are told: {messages_by_order()}"
    )
    assert set(messages_by_order().values()) == {1} and set(sent.town.hooks.deliveries.values()) == {1}
    assert sent.town.hooks.forged == 0
    assert sent.town.stack.ask("SELECT rule, subject FROM alerts") == []


def health(stack: Stack, name: str) -> dict[str, Any]:
    """The health page of a box."""
    with urllib.request.urlopen(f"{stack.facts['children'][name]['health']}/healthz", timeout=10) as answer:
        page: dict[str, Any] = json.load(answer)
    return page


def jumps_of(stack: Stack, name: str) -> float:
    """How many jumps a box has counted."""
    samples = scrape(stack.facts["children"][name]["health"])
    return sum(
        value for metric, series in samples.items() if metric.endswith("clock_jumps_total") for _, value in series
    )


def cpu_seconds(stack: Stack) -> dict[str, float]:
    """What each box has used of processors so far."""
    ticks = os.sysconf("SC_CLK_TCK")
    fields = {name: Path(f"/proc/{stack.pids()[name]}/stat").read_text().rpartition(")")[2].split() for name in BOXES}
    return {name: (int(field[11]) + int(field[12])) / ticks for name, field in fields.items()}
