"""The watch as a process: what the clock tells is told once, whatever is killed; alerts open, escalate and close."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.providers.push_sink import a_broker
from tests.providers.watch_box import Watches, ago
from tests.workshop import checked_in, facts_after, handed_off, part, repair

CONFIG = """
locale = "en"
time_zone = "UTC"
[[customers.running_late]]
minutes = 0.02
[[customers.no_news]]
minutes = 0.05
[[rule]]
name = "wait-parts"
kind = "wait"
activity = "parts"
minutes = 0.05
escalate_minutes = [0.03, 600]
"""

MakeWatches = Callable[..., Watches]


@pytest.fixture
def make_watches(tmp_path: Path) -> Iterator[MakeWatches]:
    with a_broker(tmp_path / "broker") as bootstrap:
        yield lambda config=CONFIG, **more: Watches(tmp_path / "watch", bootstrap, config, **more)


def journeys(*events: dict[str, Any]) -> list[dict[str, Any]]:
    return [*facts_after(*events).values()]


def test_a_broken_promise_and_a_silence_are_told_once_each(make_watches: MakeWatches):
    watches = make_watches()
    late = checked_in("08:00", order_id="R1", occurred_at=ago(60), promised_at=ago(-1))
    told = {
        "order_id": "R1",
        "milestone": "checked_in",
        "notice_id": "n1",
        "occurred_at": 1,
        "recipients": ["webhook:https://x.example"],
    }

    with watches.running():
        watches.tell(notices=[told], journeys=journeys(late))
        watches.wait_for(lambda: len(watches.notices()) >= 2, "both are told")
        time.sleep(1.5)

    assert sorted(each["milestone"] for each in watches.notices()) == ["no_news", "running_late"]
    assert all(each["recipients"] == ["webhook:https://x.example"] for each in watches.notices())
