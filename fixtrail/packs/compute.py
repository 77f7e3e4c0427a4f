"""Computes a pack: every report of a week or month at once, as of the newest record that ClickHouse has."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any, Protocol
from zoneinfo import ZoneInfo

from fixtrail.packs import sections
from fixtrail.packs.canonical import rounded, sha256
from fixtrail.packs.period import DAY, PackPeriod
from fixtrail.packs.summary import PREVIOUS, THIS, summary_of
from fixtrail.reports.catalogue import OF_CAUSES, REPORTS, builder
from fixtrail.reports.forms.document import as_json
from fixtrail.reports.options import Options
from fixtrail.reports.queries import Ask
from fixtrail.reports.report import Bilingual, Report, plain
from fixtrail.reports.targets import ALL, Period, Relative, Targets
from runtime.failure import USAGE, ExitError

SCHEMA = 1
KIND = "fixtrail-pack"
Pack = dict[str, Any]
# All that a pack may have of reports.
SECTIONS = frozenset({*REPORTS, "journey_before", "causes"})
# A week has too few scores for causes; a quarter has them mostly.
CAUSE_DAYS = 91
# While orders of the period move, what is computed of them is not of one moment.
MOST_TRIES = 3
# No order was checked in by then.
NO_OPEN_ORDERS = date(1970, 1, 2)
CLOSED_ALONE = Bilingual(
    "报告包中的等配件时间与各配件次数只含已结工单：未结工单的等待仍在增长",
    "In a pack the wait for parts and the counts by part are those of closed orders alone: open ones go on waiting",
)
_TITLES = {THIS: Bilingual("本期", "this period"), PREVIOUS: Bilingual("上期", "the period before")}


class Asking(Protocol):
    """The interface of `packs.asking.AsOf`."""

    as_of: datetime | None
    texts: dict[str, str]

    def __call__(self, query: str, /, **parameters: Any) -> Any: ...


@dataclass(frozen=True, slots=True)
class PackRequest:
    """What a pack is about. `targets_sha256` is the hash of the file's bytes, None without a file."""

    period: PackPeriod
    targets: Targets
    targets_sha256: str | None = None


def compute_pack(ask: Asking, request: PackRequest, now: datetime, as_of: datetime | None = None) -> Pack:
    """A pack. `now` stands beside its hash; with `as_of`, that is its moment instead of the newest record's.

    Raises ExitError where ClickHouse is away.
    """
    for _ in range(MOST_TRIES):
        before = watermark(ask)
        content, reports = _content(ask, request, before, as_of)
        moved = news_since(ask, request, before)
        if not moved["orders"]:
            break
    content["watermark"]["moved_orders"] = moved["orders"]
    return sealed(content, now, [row for row in as_json(reports["kpi"])["figures"] if is_running(row)])


def sealed(content: dict[str, Any], now: datetime, running: Sequence[Any] = ()) -> Pack:
    """The content with its hash, and beside it what is another thing a second later."""
    clock = {"computed_at": now.astimezone(UTC).isoformat(timespec="seconds"), "figures": list(running)}
    return {**content, "sha256": sha256(content), "clock": rounded(clock)}


def is_running(row: Mapping[str, Any]) -> bool:
    """Whether a figure of the pack's own period runs on with the clock."""
    return row["period"] == THIS and sections.is_of_clock(row["figure"])


def watermark(ask: Asking) -> dict[str, Any]:
    """The newest record of each partition, how many there are, and when the newest was received."""
    rows = ask("pack_watermark").to_dict("records")
    newest = max((row["newest_at"] for row in rows), default=None)
    return {
        "partitions": {str(int(row["kafka_partition"])): int(row["newest_offset"]) for row in rows},
        "records": sum(int(row["records"]) for row in rows),
        "newest_at": plain(newest),
    }


def news_since(ask: Asking, request: PackRequest, mark: Mapping[str, Any]) -> dict[str, int]:
    """Records that came after a watermark, and the orders of the period that they may have changed."""
    offsets = {int(partition): int(offset) for partition, offset in mark["partitions"].items()}
    period = request.period
    row = ask(
        "pack_since",
        partitions=list(offsets),
        offsets=list(offsets.values()),
        since=period.previous.since,
        until=period.until,
        time_zone=request.targets.time_zone,
    ).iloc[0]
    return {"records": int(row["records"]), "orders": int(row["orders_of_vehicles"])}


def _content(
    ask: Asking, request: PackRequest, mark: dict[str, Any], as_of: datetime | None
) -> tuple[dict[str, Any], dict[str, Report]]:
    moment = as_of or _moment(mark, request)
    ask.as_of = moment
    reports, failures = _reports(ask, request, moment)
    content = {
        "schema": SCHEMA,
        "kind": KIND,
        "period": period_section(request),
        "targets": {"sha256": request.targets_sha256, "values": dict(sorted(request.targets.values.items()))},
        "as_of": moment.astimezone(UTC).isoformat(timespec="milliseconds"),
        "watermark": mark,
        **summary_of(reports, _alerts(ask, request), failures, request.targets),
        "reports": {name: sections.section_of(report) for name, report in reports.items()},
        "queries": dict(sorted(ask.texts.items())),
    }
    return content, reports


def period_section(request: PackRequest) -> dict[str, Any]:
    """The days of a pack as JSON has them."""
    period = request.period
    return {
        "kind": period.kind,
        "since": period.since.isoformat(),
        "until": period.until.isoformat(),
        "previous": {"since": period.previous.since.isoformat(), "until": period.previous.until.isoformat()},
        "time_zone": request.targets.time_zone,
    }


def _moment(mark: Mapping[str, Any], request: PackRequest) -> datetime:
    """When the newest record was received; without any, the end of the period."""
    if mark["newest_at"]:
        return datetime.fromisoformat(mark["newest_at"])
    return datetime.combine(request.period.until + DAY, datetime.min.time(), ZoneInfo(request.targets.time_zone))


def _reports(ask: Asking, request: PackRequest, moment: datetime) -> tuple[dict[str, Report], dict[str, str]]:
    """Every report, and why those are missing that could not be computed. Raises ExitError where `kpi` could not."""
    period, targets = request.period, request.targets
    days = Options(moment, period.since, period.until, targets=replace(targets, periods=(ALL,)))
    options: dict[str, tuple[str, Options]] = {
        "kpi": ("kpi", Options(moment, targets=kpi_targets(period, targets))),
        "change": ("change", Options(moment, targets=replace(targets, periods=_both(period)))),
        "journey_before": ("journey", replace(days, since=period.previous.since, until=period.previous.until)),
        "causes": (OF_CAUSES, replace(days, since=period.until - timedelta(days=CAUSE_DAYS - 1))),
        # Both are about all that led up to now.
        "pilot": ("pilot", replace(days, since=None)),
        "roi": ("roi", replace(days, since=None)),
    }
    options |= {name: (name, days) for name in REPORTS if name not in options}
    reports, failures = {}, {}
    for section, (name, of_report) in options.items():
        try:
            is_of_parts = name == "parts"
            report = builder(name)(_closed_only(ask) if is_of_parts else ask, of_report)
            reports[section] = replace(report, methods=(*report.methods, CLOSED_ALONE)) if is_of_parts else report
        except ExitError as error:
            if name == "kpi":
                raise
            # What needs a file that nobody has given is not set up here; anything else is missing.
            if error.exit_code != USAGE:
                failures[section] = str(error).splitlines()[0]
    return reports, failures


def _closed_only(ask: Asking) -> Ask:
    """The same without the waits of open orders: they run on, so that no two answers would be the same."""

    def ask_closed(query: str, /, **parameters: Any) -> Any:
        return ask(query, **(parameters | {"open_until": NO_OPEN_ORDERS} if query == "parts" else parameters))

    return ask_closed


def kpi_targets(period: PackPeriod, targets: Targets) -> Targets:
    """The targets with the pack's two periods, and those of the file that a target is told by."""
    bases = {relative.period for relative in targets.relative.values()}
    names = {name: f"{name}_of_targets" if name in _TITLES else name for name in bases}
    return replace(
        targets,
        periods=(
            *(replace(period, name=names[period.name]) for period in targets.periods if period.name in bases),
            *_both(period),
        ),
        relative={
            figure: Relative(relative.times, names[relative.period]) for figure, relative in targets.relative.items()
        },
    )


def _both(period: PackPeriod) -> tuple[Period, Period]:
    return _days(PREVIOUS, period.previous.since, period.previous.until), _days(THIS, period.since, period.until)


def _days(name: str, since: date, until: date) -> Period:
    return Period(name, _TITLES[name], since, until)


def _alerts(ask: Callable[..., Any], request: PackRequest) -> list[dict[str, Any]]:
    period = request.period
    frame = ask("pack_alerts", since=period.since, until=period.until, time_zone=request.targets.time_zone)
    return [{str(name): plain(value) for name, value in row.items()} for row in frame.to_dict("records")]
