"""The report of an import for a terminal."""

from collections.abc import Iterator

from fixtrail.imports.journeys import figure_lines
from fixtrail.imports.report import LINES_SHOWN, ORDERS_SHOWN, ImportReport


def report_lines(report: ImportReport) -> list[str]:
    """The report for a terminal."""
    read_as = f", {report.encoding}, delimiter {report.delimiter!r}" if report.encoding else ""
    lines = [
        f"{report.log} ({report.format}{read_as}): {report.cases:,} cases, {report.rows:,} rows",
        f"rows: {report.mapped_rows:,} mapped, {report.unmapped_rows:,} not mapped, {report.rejected_rows:,} rejected",
        f"events: {report.events:,}{_orders(report)}",
    ]
    lines += [f"  {count:>9,}  {name}" for name, count in report.events_by_type.items()]
    if report.first_at and report.last_at:
        lines.append(f"time: {report.first_at.isoformat()} to {report.last_at.isoformat()}")
    if report.future_events:
        question = "is the year, the zone, or day and month wrong?"
        lines.append(f"events that have not happened yet ({question}): {report.future_events:,}")
    if report.unmapped:
        lines.append("not mapped:")
        lines += [
            f"  {group.rows:>9,}  {group.activity or '(no activity)'}: {group.reason}{_where(group.lines)}"
            for group in report.unmapped
        ]
    if report.rejected:
        lines.append("rejected:")
        lines += [
            f"  {group.events:>9,}  {f'{group.type} (event {group.rule})' if group.rule else 'row'}: "
            f"{group.reason}{_where(group.lines)}"
            for group in report.rejected
        ]
    if report.notes:
        lines.append("assumed:")
        lines += [f"  {count:>9,}  {note}" for note, count in report.notes.items()]
    if report.partly_mapped_rows:
        lines.append(f"rows that made some of their events but not all: {report.partly_mapped_rows:,}")
    if report.orders_without_check_in:
        lines.append(f"orders without a check-in, which get no durations: {report.orders_without_check_in:,}")
    if report.orders_of_several_vehicles:
        lines.append(
            f"orders with events of several vehicles (correct the mapping): {report.orders_of_several_vehicles:,}"
        )
    lines += _order_lines(report)
    if report.journeys is not None:
        lines += figure_lines(report.journeys)
    return lines


def _orders(report: ImportReport) -> str:
    """The line that counts the orders of the events; no line where there are none."""
    if report.events and not report.orders:
        return ""
    return f" for {report.orders:,} orders, {report.closed_orders:,} of them closed"


def _order_lines(report: ImportReport) -> Iterator[str]:
    """How many orders were imported, and a line for each one that was not."""
    if not report.orders_not_in:
        return
    complete, partly, out = report.cases_in, report.cases_partly_in, report.cases_not_in
    yield f"cases: {complete:,} came in whole, {partly:,} in part, {out:,} not at all"
    for order in report.orders_not_in[:ORDERS_SHOWN]:
        state = f"in part ({order.events} events)" if order.events else "not in"
        yield f"  line {order.line}, {order.case}: {state}: {'; '.join(order.reasons)}"
    more = report.cases_partly_in + report.cases_not_in - min(ORDERS_SHOWN, len(report.orders_not_in))
    if more:
        yield f"  … and {more:,} more; --rejects FILE writes every one, with its row"


def _where(lines: tuple[int, ...]) -> str:
    return f" (line {', '.join(map(str, lines))}{' …' if len(lines) == LINES_SHOWN else ''})"
