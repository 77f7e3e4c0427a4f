"""The quote as the page shows it: its lines in words, what the customer chose of them, and what is to be confirmed."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from fixtrail.web.tracking.quote_lines import QuoteLine, chosen_lines, may_choose, quote_lines, total_of
from fixtrail.web.tracking.view import Quoted
from fixtrail.web.tracking.words import PageTexts

MOST_PARTS_SHOWN = 30
# `again` opens the choice once more, within the time in which a decision can be changed.
ANSWERS = ("approve", "decline", "again")


@dataclass(frozen=True, slots=True)
class QuoteChoice:
    """What the customer has pressed and not yet confirmed, of which quote."""

    answer: str
    quote_key: str
    line_ids: tuple[str, ...] = ()

    def is_of(self, quoted: Quoted, now: int) -> bool:
        """Whether it can be confirmed, or opened again, now."""
        return self.answer in ANSWERS and self.quote_key == quoted.key and quoted.is_open(now)


def is_confirmed(quoted: Quoted, approved: bool, line_ids: Collection[str], amount: str, number: str) -> bool:
    """Whether somebody saw what they answer: so much for these lines, after so many decisions."""
    if number and number != str(len(quoted.decisions)):
        return False
    chosen = chosen_lines(quote_lines(quoted.quote), line_ids)
    try:
        return not approved or (bool(chosen) and Decimal(amount) == _total(quoted, chosen))
    except InvalidOperation:
        return False


def quote_values(quoted: Quoted | None, texts: PageTexts, choice: QuoteChoice | None = None) -> dict[str, Any] | None:
    """The quote line by line, with what can be done about it now."""
    if quoted is None:
        return None
    lines = quote_lines(quoted.quote)
    chosen, is_choosable = _chosen(quoted, lines, choice, texts.now), is_choosable_here(lines)
    is_again = choice is not None and choice.is_of(quoted, texts.now) and choice.answer == "again"
    return {
        "lines": _line_values(quoted, lines, chosen, texts),
        "total": _money(quoted, quoted.quote.total, texts),
        "choosable": is_choosable,
        "asks": quoted.answer == "pending" or is_again,
        "confirm": _confirm_values(quoted, lines, chosen, choice, texts),
        "approved": _approved_part(quoted, texts),
    }


def is_choosable_here(lines: Sequence[QuoteLine]) -> bool:
    """Whether each line can be ticked: it must be shown for that."""
    return may_choose(lines) and sum(bool(line.part_no) for line in lines) <= MOST_PARTS_SHOWN


def _chosen(quoted: Quoted, lines: Sequence[QuoteLine], choice: QuoteChoice | None, now: int) -> Sequence[QuoteLine]:
    """The ticked lines: as just chosen, as decided, or all of them."""
    if choice is not None and choice.is_of(quoted, now) and choice.answer == "approve":
        return chosen_lines(lines, choice.line_ids) if is_choosable_here(lines) else lines
    decided = quoted.decisions[-1].lines if quoted.decisions and quoted.answer == "approved" else None
    return lines if decided is None else chosen_lines(lines, decided)


def _confirm_values(
    quoted: Quoted,
    lines: Sequence[QuoteLine],
    chosen: Sequence[QuoteLine],
    choice: QuoteChoice | None,
    texts: PageTexts,
) -> Mapping[str, Any] | None:
    if choice is None or not choice.is_of(quoted, texts.now) or choice.answer == "again":
        return None
    approved = choice.answer == "approve"
    if approved and not chosen:
        return None
    total = _total(quoted, chosen)
    left_out = [texts.plain(line.name or line.part_no) for line in lines if approved and line not in chosen]
    return {
        "approved": approved,
        "amount": str(total),
        "total": _money(quoted, total, texts),
        "line_ids": [line.line_id for line in chosen if line.line_id and len(chosen) < len(lines)],
        "left_out": ", ".join(left_out),
    }


def _total(quoted: Quoted, chosen: Sequence[QuoteLine]) -> Decimal:
    is_whole = len(chosen) == len(quote_lines(quoted.quote))
    return quoted.quote.total if is_whole else total_of(chosen)


def _approved_part(quoted: Quoted, texts: PageTexts) -> str | None:
    """What was approved, where that is not the whole quote."""
    last = quoted.decisions[-1] if quoted.decisions else None
    if quoted.answer != "approved" or last is None or last.amount in (None, quoted.quote.total):
        return None
    return _money(quoted, last.amount or Decimal(0), texts)


def _line_values(
    quoted: Quoted, lines: Sequence[QuoteLine], chosen: Sequence[QuoteLine], texts: PageTexts
) -> list[dict[str, Any]]:
    parts = [line for line in lines if line.part_no]
    rest = parts[MOST_PARTS_SHOWN:]
    values = [
        {
            "line_id": line.line_id,
            **_words(quoted, line, texts),
            "amount": _money(quoted, line.amount, texts),
            "left_out": line not in chosen,
        }
        for line in [*(line for line in lines if not line.part_no), *parts[:MOST_PARTS_SHOWN]]
    ]
    if rest:
        words = {"text": texts.t("quote_rest", number=len(rest)), "detail": ""}
        values.append({"line_id": None, **words, "amount": _money(quoted, total_of(rest), texts), "left_out": False})
    return values


def _words(quoted: Quoted, line: QuoteLine, texts: PageTexts) -> dict[str, str]:
    number, price = texts.number(line.number), _money(quoted, line.price, texts)
    if not line.name and line.part_no:
        part = texts.plain(line.part_no)
        return {"text": texts.t("quote_part", part=part, quantity=number, price=price), "detail": ""}
    if not line.name:
        return {"text": texts.t("quote_labour", hours=number, rate=price), "detail": ""}
    detail = texts.t("quote_pieces", quantity=number, price=price)
    if not line.part_no:
        detail = texts.t("quote_hours", hours=number, rate=price)
    return {"text": texts.plain(line.name, 80), "detail": detail}


def _money(quoted: Quoted, amount: Decimal, texts: PageTexts) -> str:
    return texts.money(amount, quoted.quote.currency)
