"""The page's texts in one language, and times, spans and money in that language's form."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache, lru_cache
from pathlib import Path
from zoneinfo import ZoneInfo

from markupsafe import Markup, escape

from fixtrail.web.languages import accepted_locale
from schemas.locales import LOCALES
from sinks.push.words import wording

DEFAULT = "zh-CN"
_FILE = Path(__file__).parent / "words.toml"


@cache
def catalogue() -> dict[str, dict[str, str]]:
    """All texts by locale and key."""
    return tomllib.loads(_FILE.read_text(encoding="utf-8"))


def chosen_locale(requested: str | None, accepted: str, customers: str | None) -> str:
    """The language of a page: what was asked for by the switch, what the browser accepts, what the order says."""
    if requested in LOCALES:
        return requested
    return accepted_locale(accepted) or (customers if customers in LOCALES else DEFAULT)


@cache
def _escaped(locale: str) -> dict[str, Markup]:
    return {key: escape(text) for key, text in catalogue()[locale].items()}


@lru_cache(4096)
def _number(value: Decimal, locale: str) -> str:
    return wording.number(value, locale)


@dataclass(frozen=True, slots=True)
class PageTexts:
    """Texts for one page. What upstream sent is always made plain before it gets here, and escaped by the template."""

    locale: str
    zone: ZoneInfo
    now: int
    currency: str
    texts: Mapping[str, Markup] = field(repr=False)
    clocks: dict[int, Markup] = field(repr=False, default_factory=dict)

    def t(self, key: str, **values: object) -> Markup:
        """The text of a key with its values filled in. Raises KeyError for a key that is not there."""
        return self.texts[key].format(**values) if values else self.texts[key]

    def clock(self, at: int) -> Markup:
        """A time of day on the center's clock; with its date when that is not today's."""
        if at not in self.clocks:
            local, today = self._local(at), self._local(self.now)
            text = (
                f"{local:%H:%M}" if local.date() == today.date() else escape(wording.moment(local, self.locale, today))
            )
            self.clocks[at] = Markup(f'<time datetime="{local.isoformat(timespec="seconds")}">{text}</time>')
        return self.clocks[at]

    def span(self, seconds: float) -> str:
        """Hours and minutes."""
        hours, minutes = divmod(int(seconds // 60), 60)
        return str(self.texts["span_hm" if hours else "span_m"]).format(h=hours, m=minutes)

    def money(self, amount: Decimal, currency: str | None) -> str:
        return wording.money(amount, currency or self.currency, self.locale)

    def number(self, value: Decimal) -> str:
        return _number(value, self.locale)

    def plain(self, text: str | None, length: int = wording.ORDER) -> str:
        """What came from upstream, as one short line without anything that could be more than text."""
        return wording.plain(text, length)

    def _local(self, at: int) -> datetime:
        return datetime.fromtimestamp(at / 1000, UTC).astimezone(self.zone)


def words_in(locale: str, time_zone: str, now: int, currency: str) -> PageTexts:
    """The words in a language, with times on the clock of a zone."""
    return PageTexts(locale, ZoneInfo(time_zone), now, currency, _escaped(locale))
