"""A quote line by line: what each is called and costs, and what the chosen ones come to."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from decimal import Decimal

from schemas.facts import QuoteFact


@dataclass(frozen=True, slots=True)
class QuoteLine:
    """One line; `name` is empty where the workshop gave none, `part_no` for labour. `number` counts hours or pieces."""

    line_id: str | None
    name: str
    part_no: str
    number: Decimal
    price: Decimal

    @property
    def amount(self) -> Decimal:
        return self.number * self.price


def quote_lines(quote: QuoteFact) -> tuple[QuoteLine, ...]:
    """Labour first, by item where the items are the whole of it, then the parts."""
    rate = quote.labour_rate
    if sum((item.hours for item in quote.labour), Decimal(0)) == quote.labour_hours and quote.labour:
        labour = [QuoteLine(item.line_id, item.name, "", item.hours, rate) for item in quote.labour]
    else:
        labour = [QuoteLine(None, "", "", quote.labour_hours, rate)]
    parts = [
        QuoteLine(part.line_id, part.name or "", part.part_no, part.quantity, part.unit_price) for part in quote.parts
    ]
    return (*labour, *parts)


def may_choose(lines: Sequence[QuoteLine]) -> bool:
    """Whether each line can be approved by itself: all have an id of their own, and there are several."""
    ids = {line.line_id for line in lines}
    return len(lines) > 1 and None not in ids and len(ids) == len(lines)


def chosen_lines(lines: Sequence[QuoteLine], ids: Collection[str]) -> tuple[QuoteLine, ...]:
    """The lines that these ids name; all of them where lines cannot be chosen."""
    return tuple(line for line in lines if line.line_id in ids) if may_choose(lines) else tuple(lines)


def total_of(lines: Sequence[QuoteLine]) -> Decimal:
    """What the lines cost together."""
    return sum((line.amount for line in lines), Decimal(0))
