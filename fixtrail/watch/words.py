"""Alerts in words, for the staff: a heading and a line each, or a list of several."""

import html
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from schemas.centers import Center
from schemas.facts import Alert
from schemas.opening_hours import local
from sinks.push.words.wording import plain

TEXTS = Path(__file__).with_name("texts.toml")
LISTED = 20
_OF_CENTERS = frozenset({"stockout_rate", "source_silent", "clock_skew", "field_lost"})


@lru_cache
def texts() -> dict[str, Any]:
    """The catalogue, by locale and section."""
    return tomllib.loads(TEXTS.read_text(encoding="utf-8"))


@dataclass(frozen=True, slots=True)
class AlertWords:
    """One message; see sinks.push.channel.Words."""

    title: str
    text: str

    @property
    def short(self) -> str:
        return self.text

    @property
    def html(self) -> str:
        lines = "<br>".join(html.escape(line) for line in self.text.splitlines())
        return f'<!doctype html><meta charset="utf-8"><title>{html.escape(self.title)}</title><p>{lines}</p>'


@dataclass(frozen=True, slots=True)
class Wording:
    """How alerts are told: in which language, and by which clock where a center's own is not known."""

    locale: str
    time_zone: str
    centers: Mapping[str, Center]

    def message(self, alerts: Sequence[tuple[Alert, str]]) -> AlertWords:
        """One message about alerts and the step of each that is told; of many only the first are listed."""
        lines = [self.line(alert, step) for alert, step in alerts]
        if len(lines) == 1:
            return AlertWords(lines[0], lines[0])
        catalogue = texts()[self.locale]["digest"]
        title = catalogue["title"].format(number=len(lines))
        further = [catalogue["more"].format(number=len(lines) - LISTED)] if len(lines) > LISTED else []
        return AlertWords(title, "\n".join([title, *lines[:LISTED], *further]))

    def line(self, alert: Alert, step: str) -> str:
        """Step, severity, where and what, in one line."""
        catalogue = texts()[self.locale]
        location = f" · {self._location(alert)}" if alert.center_id and alert.order_id else ""
        return f"[{self._step(alert, step)} · {catalogue['severities'][alert.severity]}{location}] {self.about(alert)}"

    def about(self, alert: Alert) -> str:
        """The alert's subject in one sentence."""
        catalogue = texts()[self.locale]
        center = self.centers.get(alert.center_id or "")
        since = local(alert.since, ZoneInfo(center.time_zone if center else self.time_zone))
        activity = alert.opening.partition(":")[0] if alert.kind in ("wait", "stuck") else ""
        share = alert.unit == "share"
        sentence: str = catalogue["kinds"][alert.kind].format(
            subject=self._location(alert) if alert.kind in _OF_CENTERS else plain(alert.subject, 80),
            field=alert.subject.rpartition("/")[2],
            cell=_cell_words(alert, self.locale),
            activity=catalogue["activities"].get(activity, catalogue["activities"]["any"]),
            limit=f"{alert.limit:.1%}" if share else f"{alert.limit:g}",
            hours=f"{alert.limit / 60:g}",
            value="" if alert.value is None else f"{alert.value:.1%}" if share else f"{alert.value:g}",
            since=f"{since:%m-%d %H:%M}",
        )
        return sentence

    def _location(self, alert: Alert) -> str:
        center = self.centers.get(alert.center_id or "")
        name = (center.name_en or center.name) if center and self.locale == "en" else center.name if center else None
        return plain(name or alert.center_id, 40)

    def _step(self, alert: Alert, step: str) -> str:
        catalogue: dict[str, str] = texts()[self.locale]["steps"]
        if step == "closed" and alert.closed_by == "acknowledgement":
            return catalogue["acknowledged"].format(by=plain(alert.acknowledged_by, 40))
        if step.startswith("level-"):
            return catalogue["level"].format(level=step.removeprefix("level-"))
        return catalogue[step]


def _cell_words(alert: Alert, locale: str) -> str:
    """What a quality warning is about: `part batch SENSOR-07 (electronics)`; of other alerts the subject."""
    dimension, _, key = alert.subject.partition("/")
    value, _, group = key.rpartition("/")
    dimensions: dict[str, str] = texts()[locale]["dimensions"]
    return (
        f"{dimensions.get(dimension, dimension)} {plain(value, 80)} ({plain(group, 64)})"
        if group
        else plain(alert.subject, 80)
    )
