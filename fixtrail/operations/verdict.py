"""One verdict on what `fixtrail status` shows: the worst of it, what to do, which runbook, and what was not asked."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from fixtrail.operations.overview import Overview

RUNBOOKS = "docs/runbooks"
LATE_HEARTBEAT_S = 60.0
REDRIVEN = "redriven"

Level = Literal["well", "look", "bad", "unknown"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """How it is as far as it was asked, what to do, and the page that says more; `unasked` names what was not."""

    level: Level
    text: str
    advice: str = ""
    runbook: str | None = None
    unasked: tuple[str, ...] = ()


def verdict_of(screen: Overview) -> Verdict:
    """The worst that was seen; well only where Kafka, ClickHouse, boxes and heartbeats were all asked and are well."""
    unasked = tuple(_unasked(screen))
    worst = next(_findings(screen), None)
    if worst is not None:
        level, text, advice, runbook = worst
        return Verdict(level, text, advice, f"{RUNBOOKS}/{runbook}.md", unasked)
    if unasked:
        return Verdict("unknown", "what was asked is well, and not all was asked", unasked=unasked)
    text = f"all is well: {len(screen.boxes)} boxes are ready, heartbeats come through, nothing is refused"
    return Verdict("well", text)


def _findings(screen: Overview) -> Iterator[tuple[Level, str, str, str]]:
    """What is wrong, the worst first: level, sentence, what to do, runbook."""
    stopping = sorted({difference.topic for difference in screen.topics if difference.stops})
    if stopping:
        yield "bad", f"{', '.join(stopping)}: not as the boxes need it", "below is what differs", "topic-differs"
    if screen.look is None:
        yield "bad", "Kafka does not answer", "bring it back; the boxes then go on by themselves", "box-not-ready"
    for state, runbook in (("gone", "box-down"), ("stuck", "box-down"), ("not ready", "box-not-ready")):
        boxes = [box for box in screen.boxes if box.state == state]
        if boxes:
            reasons = [f"{box.name}: {reason}" for box in boxes for reason in box.reasons]
            advice = "; ".join(reasons) or "its log under the data folder says why"
            yield "bad", f"{', '.join(box.name for box in boxes)}: {state}", advice, runbook
    if any("ClickHouse" in trouble for trouble in screen.troubles):
        yield "bad", "ClickHouse does not answer", "bring it back; Kafka keeps what is to be written", "clickhouse-away"
    if screen.broken_parts:
        tables = ", ".join(f"{parts:,} of {table}" for table, parts in sorted(screen.broken_parts.items()))
        yield (
            "bad",
            f"ClickHouse has put parts aside: {tables}",
            "their rows are missing in every figure",
            "rows-missing",
        )
    oldest_s = max((beat.age_s for beat in screen.heartbeats), default=0.0)
    if oldest_s > LATE_HEARTBEAT_S:
        yield "bad", f"no heartbeat for {oldest_s:.0f} s", "a worker or a writer stands still", "events-delayed"
    lost = sum(row.records for row in screen.lost)
    if lost:
        yield "look", f"{lost:,} records were deleted before they were read", "have them sent again", "records-lost"
    starting = [box.name for box in screen.boxes if box.state == "starting"]
    if starting:
        yield "look", f"{', '.join(starting)}: starting", "look again in a minute", "box-not-ready"
    refused = sum(number for code, number in (screen.letters or {}).items() if code != REDRIVEN)
    if refused:
        yield "look", f"{refused:,} records were refused", "`fixtrail dead-letters list` says which", "events-refused"
    if screen.topics:
        topics = ", ".join(sorted({difference.topic for difference in screen.topics}))
        yield "look", f"{topics}: not as `fixtrail migrate` makes it", "below is what to do about it", "topic-differs"
    jumped = [box.name for box in screen.boxes if box.clock_jumps]
    if jumped:
        yield "look", f"{', '.join(jumped)}: the clock was set", "its log says by how much", "clock-jumped"
    restarted = [box.name for box in screen.boxes if box.restarts]
    if restarted:
        yield "look", f"{', '.join(restarted)}: started again", "its log says how it ended", "box-restarts"


def _unasked(screen: Overview) -> Iterator[str]:
    if screen.look is None:
        yield "how far the groups are behind"
    if screen.letters is None:
        yield "refused records"
    if not screen.boxes:
        yield "boxes (name their health pages with --box)"
    if not screen.heartbeats:
        yield "heartbeats"
