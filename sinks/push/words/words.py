"""The texts of notices: templates by locale and milestone, rendered in a sandbox from plain strings."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cached_property
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from jinja2 import ChoiceLoader, FileSystemLoader, StrictUndefined, Template, TemplateNotFound
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment

from schemas.centers import Center
from schemas.locales import LOCALES
from schemas.opening_hours import local
from sinks.push.words import wording
from streams.journey.clock_notices import RUNNING_LATE

TEMPLATES = Path(__file__).parent / "templates"

Values = dict[str, Any]


class MissingTemplateError(LookupError):
    """There are no words for this milestone; the message names it."""


@dataclass(frozen=True, slots=True)
class CenterContext:
    """The center of a notice, if known, and its time zone."""

    center: Center | None
    time_zone: str

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.center.time_zone if self.center else self.time_zone)

    def name(self, locale: str) -> str:
        if self.center is None:
            return ""
        return (self.center.name_en or self.center.name) if locale == "en" else self.center.name


class TemplateRenderer:
    """Finds and renders the templates. Those in `own` go before the built-in ones of the same name."""

    def __init__(self, own_folder: Path | None = None, default_locale: str = "zh-CN") -> None:
        folders = [*([own_folder] if own_folder else []), TEMPLATES]
        self.default_locale = default_locale
        # Nobody's values are markup: plain text is not escaped, the page is.
        self._environment = ImmutableSandboxedEnvironment(
            loader=ChoiceLoader([FileSystemLoader(folder) for folder in folders]),
            undefined=StrictUndefined,
            autoescape=lambda name: bool(name and name.endswith(".html")),
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
        )

    def locale(self, requested: str | None) -> str:
        return requested if requested in LOCALES else self.default_locale

    def notice(self, milestone: str, values: Values) -> "NoticeWords":
        """The words of one notice. Raises MissingTemplateError."""
        return NoticeWords(self, self._template(f"{values['locale']}/{milestone}.txt"), values)

    def digest(self, notices: Sequence["NoticeWords"]) -> "DigestWords":
        """Several notices of one order as one message; the last one is the newest."""
        values = {**notices[-1].values, "notices": notices}
        return DigestWords(self, self._template(f"{values['locale']}/digest.txt"), values)

    def page(self, words: "NoticeWords") -> str:
        paragraphs = [part.splitlines() for part in words.text.split("\n\n") if part.strip()]
        page = self._template("mail.html")
        return page.render(title=words.title, action=words.action, paragraphs=paragraphs, **words.values)

    def _template(self, name: str) -> Template:
        try:
            return self._environment.get_template(name)
        except TemplateNotFound:
            raise MissingTemplateError(f"no template {name}") from None


@dataclass(frozen=True)
class NoticeWords:
    """One notice in words; each form is made when it is asked for."""

    renderer: TemplateRenderer = field(repr=False)
    template: Template = field(repr=False)
    values: Values = field(repr=False)

    @cached_property
    def title(self) -> str:
        return wording.cut(self._line("title"), wording.TITLE)

    @cached_property
    def short(self) -> str:
        """Cut before the link, never within it."""
        text, link = self._line("short"), self.values["link"]
        if not link:
            return wording.cut(text, wording.SHORT)
        limit = max(wording.WORDS_BESIDE_LINK, wording.SHORT - len(link) - 1)
        return f"{wording.cut(text, limit)} {link}"

    @cached_property
    def text(self) -> str:
        lines = [line.rstrip() for line in self._block("text").strip().splitlines()]
        return "\n".join(lines)

    @cached_property
    def html(self) -> str:
        return self.renderer.page(self)

    @cached_property
    def status(self) -> str:
        """At most five Chinese characters, in whatever locale."""
        return self._line("status")

    @cached_property
    def note(self) -> str:
        """At most twenty characters."""
        return self._line("note")

    @cached_property
    def action(self) -> str:
        """What the customer is asked to do behind the link; "" where there is only something to see."""
        return self._line("action") if "action" in self.template.blocks else ""

    def _line(self, block: str) -> str:
        return " ".join(self._block(block).split())

    def _block(self, name: str) -> str:
        return "".join(self.template.blocks[name](self._context))

    @cached_property
    def _context(self) -> Context:
        return self.template.new_context(self.values)


class DigestWords(NoticeWords):
    """Several notices in one message."""


@dataclass(frozen=True, slots=True)
class RenderContext:
    """When a notice is sent, and further data of its texts: the currency of what was paid, the promises so far."""

    at: int
    currency: str
    promises: Sequence[Sequence[int]] = ()


def values_of(
    notice: Mapping[str, Any], center: CenterContext, locale: str, link: str, context: RenderContext
) -> Values:
    """The values of a template, as plain strings; "" for what is not known, and for a time to come that has passed."""
    quote, zone = notice["quote"], center.zone

    def moment(at: int | None) -> str:
        return "" if at is None else wording.moment(local(at, zone), locale, local(context.at, zone))

    def ahead(at: int | None) -> str:
        return moment(at) if at is not None and at > context.at else ""

    values: Values = {
        "locale": locale,
        "order": wording.plain(notice["order_id"], wording.ORDER),
        "center": wording.plain(center.name(locale), wording.CENTER),
        "hours": f"{center.center.opens:%H:%M}–{center.center.closes:%H:%M}" if center.center else "",
        "at": moment(notice["occurred_at"]),
        # Only who is told that a promise was broken is told of one that has passed.
        "promised": (moment if notice["milestone"] == RUNNING_LATE else ahead)(notice["promised_at"]),
        "sooner": bool(ahead(notice["promised_at"])) and _is_sooner(notice, context.promises),
        "expected": ahead(notice["expected_at"]),
        "part": wording.plain(notice["part_no"], wording.PART),
        "link": link,
        "paid": "",
        "quote": None,
    }
    if quote is not None:
        values["quote"] = _quote(quote, locale)
    if notice["final_amount"] is not None:
        values["paid"] = wording.money(Decimal(notice["final_amount"]), context.currency, locale)
    return values


def _is_sooner(notice: Mapping[str, Any], promises: Sequence[Sequence[int]]) -> bool:
    """Whether a promise is for an earlier time than the one before it; False where that is not known."""
    promised_times = [promised for _, promised in promises]
    index = max(
        (position for position, promised in enumerate(promised_times) if promised == notice["promised_at"]), default=0
    )
    return index > 0 and promised_times[index] < promised_times[index - 1]


def _quote(quote: Mapping[str, Any], locale: str) -> dict[str, Any]:
    currency, hours, rate = quote["currency"], Decimal(quote["labour_hours"]), Decimal(quote["labour_rate"])
    parts = [(part["part_no"], Decimal(part["quantity"]), Decimal(part["unit_price"])) for part in quote["parts"]]
    return {
        "total": wording.money(Decimal(quote["total"]), currency, locale),
        "hours": wording.number(hours, locale),
        "rate": wording.money(rate, currency, locale),
        "labour": wording.money(hours * rate, currency, locale),
        "parts": [
            {
                "part": wording.plain(part_no, wording.PART),
                "quantity": wording.number(quantity, locale),
                "price": wording.money(price, currency, locale),
                "sum": wording.money(quantity * price, currency, locale),
            }
            for part_no, quantity, price in parts
        ],
    }


def form_values(notice: Mapping[str, Any], words: NoticeWords, center: CenterContext, currency: str) -> dict[str, str]:
    """The values that a form's fields may be filled with; "" for what is not known, or cannot be told.

    `currency` is that of what was paid.
    """
    zone, quote = center.zone, notice["quote"]

    def stamp(at: int | None) -> str:
        return "" if at is None else wording.stamp(local(at, zone))

    amount = notice["final_amount"] if notice["final_amount"] is not None else quote["total"] if quote else None
    sign = wording.currency_sign(quote["currency"] if quote else currency)
    return {
        "order": words.values["order"],
        "center": words.values["center"],
        "status": words.status,
        "note": words.note,
        "title": words.title,
        "part": words.values["part"],
        "at": stamp(notice["occurred_at"]),
        "promised": stamp(notice["promised_at"]),
        "expected": stamp(notice["expected_at"]),
        "amount": "" if amount is None or not sign else f"{sign}{Decimal(amount):.2f}",
    }
