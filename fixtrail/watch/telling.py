"""Telling the staff of alerts: each step once on each ops channel, with what became of it kept in the alert.

INTENT is written before the call and the outcome after it. Killed in between, nobody knows: the step becomes UNKNOWN
and is not told again. Alerts that come at the same time go as one message.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Literal

from fixtrail.watch import alerts as life
from fixtrail.watch.config import OpsChannel
from fixtrail.watch.shard import Shard
from fixtrail.watch.words import Wording
from runtime.clock import now_ms
from runtime.crash_point import crash_point
from runtime.progress import Progress
from schemas.facts import Alert, Telling
from sinks.push.channel import Accepted, Answer, Channel, Message, NotSent, Rejected, Unclear

log = logging.getLogger(__name__)

MOST_ALERTS = 100
# Alerts that come together go together.
GATHER_S = 0.5
FIRST_PAUSE_S, LONGEST_PAUSE_S = 5.0, 300.0
# What could not be told for so long is not told any more.
WORTH_TELLING_MS = 60 * 60 * 1000

Outcome = tuple[Literal["INTENT", "RETRY", "SENT", "REJECTED", "UNKNOWN", "EXPIRED"], str]
# Writes new versions of a shard's alerts; False where that failed or the shard is gone.
Write = Callable[[Shard, Callable[[Alert], Alert], list[str]], Awaitable[bool]]


@dataclass(slots=True)
class AlertChannel:
    """One ops channel: the alerts that wait to be sent there, and their sending."""

    name: str
    section: OpsChannel
    channel: Channel
    wording: Wording
    write: Write
    progress: Progress
    clock: Callable[[], int] = now_ms
    _waiting: dict[str, Shard] = field(default_factory=dict)
    _wake: asyncio.Event = field(default_factory=asyncio.Event)
    _under_way: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        # Prometheus sees no increase in a first value.
        for outcome in ("REJECTED", "UNKNOWN", "EXPIRED"):
            self.progress.counts["told", self.name, outcome] = 0

    def offer(self, shard: Shard, alerts: Iterable[Alert]) -> None:
        """Tell of these alerts as they are by then, as far as this channel wants to hear of them."""
        for alert in alerts:
            if self._wants(alert):
                self._waiting[alert.alert_id] = shard
                self._wake.set()

    def is_telling(self, alert: Alert) -> bool:
        """Whether this process has a call about this alert under way."""
        return alert.alert_id in self._under_way

    def drop(self, shard: Shard) -> None:
        """Forget the alerts of a shard that moved to another process."""
        self._waiting = {
            alert_id: waiting_shard for alert_id, waiting_shard in self._waiting.items() if waiting_shard is not shard
        }

    async def run(self) -> None:
        """Tell until cancelled."""
        pause_s = FIRST_PAUSE_S
        while True:
            await self._wake.wait()
            await asyncio.sleep(GATHER_S)
            self._wake.clear()
            answer = await self._tell()
            if answer is None:
                pause_s = FIRST_PAUSE_S
                continue
            wait_s = answer.retry_after_s or 0.0
            if isinstance(answer, NotSent):
                wait_s = max(pause_s, wait_s)
            log.warning("ops channel %s: %s; again in %.0f s", self.name, answer.reason, wait_s)
            await asyncio.sleep(wait_s)
            pause_s = min(pause_s * 2, LONGEST_PAUSE_S)
            self._wake.set()

    def _wants(self, alert: Alert) -> bool:
        section = self.section
        if section.rules and alert.rule not in section.rules:
            return False
        if section.centers and alert.center_id not in section.centers:
            return False
        if section.severities and alert.severity not in section.severities:
            return False
        if self.clock() - _step_time(alert) > WORTH_TELLING_MS:
            return False
        step = life.step_of(alert)
        before = {telling.step: telling.outcome for telling in alert.told if telling.channel == self.name}
        if before.get(step) not in (None, "RETRY"):
            return False
        if step == "closed":
            # The next level is told in its place.
            is_over = alert.closed_by != "escalation"
            return is_over and section.closed and any(outcome in ("SENT", "UNKNOWN") for outcome in before.values())
        return alert.level >= section.from_level

    async def _tell(self) -> NotSent | Unclear | None:
        """Tell what waits; the answer where no call must be made for a while."""
        shards: dict[Shard, list[str]] = {}
        batch: list[tuple[Alert, str]] = []
        now = self.clock()
        for alert_id in [*self._waiting][:MOST_ALERTS]:
            shard = self._waiting.pop(alert_id)
            alert = shard.alerts.get(alert_id)
            if alert is None or not self._wants(alert):
                continue
            shards.setdefault(shard, []).append(alert_id)
            batch.append((alert, life.step_of(alert)))
        if self._waiting:
            self._wake.set()
        if not batch:
            return None
        steps = {alert.alert_id: step for alert, step in batch}
        self._under_way = frozenset(steps)
        try:
            return await self._call_and_note(shards, batch, steps, now)
        finally:
            self._under_way = frozenset()

    async def _call_and_note(
        self, shards: dict[Shard, list[str]], batch: list[tuple[Alert, str]], steps: dict[str, str], now: int
    ) -> NotSent | Unclear | None:
        crash_point("watch.before_intent")
        noted_shards = await self._note(shards, steps, ("INTENT", ""), now)
        unwritten = {alert_id: shard for shard, ids in shards.items() if shard not in noted_shards for alert_id in ids}
        self._waiting.update(unwritten)
        batch = [(alert, step) for alert, step in batch if alert.alert_id not in unwritten]
        if not batch:
            return NotSent("nothing could be written")
        shards = noted_shards
        crash_point("watch.intent")
        answer = await self._call(batch)
        crash_point("watch.told")
        outcome = _outcome_of(answer, min(_step_time(alert) for alert, _ in batch), now)
        await self._note(shards, steps, outcome, self.clock())
        self.progress.counts["told", self.name, outcome[0]] += len(batch)
        if isinstance(answer, NotSent) and outcome[0] == "RETRY":
            for shard, ids in shards.items():
                self._waiting.update(dict.fromkeys(ids, shard))
            return answer
        # What has come meanwhile, such as the end of what was just told.
        for shard, ids in shards.items():
            self.offer(shard, [shard.alerts[alert_id] for alert_id in ids if alert_id in shard.alerts])
        return answer if isinstance(answer, NotSent | Unclear) and answer.retry_after_s else None

    async def _note(
        self, shards: dict[Shard, list[str]], steps: dict[str, str], outcome: Outcome, at: int
    ) -> dict[Shard, list[str]]:
        """Write what became of the steps; the shards where that could be written."""

        def noted(alert: Alert) -> Alert:
            word, reason = outcome
            telling = Telling(step=steps[alert.alert_id], channel=self.name, outcome=word, at=at, reason=reason)
            return life.with_tellings(alert, [telling])

        return {shard: ids for shard, ids in shards.items() if await self.write(shard, noted, ids)}

    async def _call(self, batch: list[tuple[Alert, str]]) -> Answer:
        texts = self.wording.message(batch)
        first, now = batch[0][0], self.clock()
        message = Message(
            id=first.alert_id,
            center_id=first.center_id or "",
            order_id=first.order_id or "",
            milestone=first.rule,
            locale=self.wording.locale,
            address="ops",
            words=texts,
            link="",
            occurred_at=first.opened_at,
            expires_at=now + WORTH_TELLING_MS,
            data={},
            fields={},
        )
        return await self.channel.send(message)


def _step_time(alert: Alert) -> int:
    """When the alert came to the step that it is at."""
    return alert.closed_at or alert.escalated_at or alert.opened_at


def _outcome_of(answer: Answer, since: int, now: int) -> Outcome:
    match answer:
        case Accepted():
            return "SENT", ""
        case Rejected(reason):
            return "REJECTED", reason
        case NotSent(reason):
            return ("RETRY" if now - since < WORTH_TELLING_MS else "EXPIRED"), reason
        case Unclear(reason):
            return "UNKNOWN", reason


def left_open(alerts: Iterable[Alert], now: int) -> list[Alert]:
    """The alerts as they are once a process has taken over: a step that was under way is UNKNOWN now."""
    updated = []
    for alert in alerts:
        cut_off = [telling for telling in alert.told if telling.outcome == "INTENT"]
        if cut_off:
            unknown = {"outcome": "UNKNOWN", "at": now, "reason": "the process ended while it was told"}
            updated.append(life.with_tellings(alert, [telling.model_copy(update=unknown) for telling in cut_off]))
    return updated


def open_channel(name: str, section: OpsChannel) -> Channel:
    """The Apprise service of an ops channel. Call on a running event loop."""
    from sinks.push.channels.by_apprise import ByApprise
    from sinks.push.config import AppriseSection

    # The staff's URL names its target itself, where a customer's has a place for the address.
    service = AppriseSection.model_construct(
        url=section.url,
        style="mail" if section.mail else "short",
        concurrency=1,
        a_second=None,
        timeout_s=section.timeout_s,
    )
    return ByApprise(f"ops-{name}", service)


async def close_all(channels: Iterable[AlertChannel]) -> None:
    for channel in channels:
        with suppress(OSError):
            await channel.channel.close()
