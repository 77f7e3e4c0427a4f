"""`fixtrail forecast parts`: the next days' demand by part and center, printed, written or published."""

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pandas as pd

from fixtrail.parts.plan import MOST_HORIZON_DAYS, ForecastPlan
from fixtrail.reports.options import Options
from fixtrail.reports.parts.beyond import PartsOutlook, outlook, with_forecast
from fixtrail.reports.parts.forecast_sheets import supply_sheet
from fixtrail.reports.parts.outlook import EARLIEST, ask_history
from fixtrail.reports.queries import Ask, query_runner
from fixtrail.reports.report import Bilingual, Report, Sheet
from fixtrail.reports.targets import Targets
from fixtrail.settings import KafkaSettings, ReportSettings
from runtime.failure import USAGE, ExitError
from runtime.kafka.producer import OutgoingRecord
from schemas.times import to_ms
from schemas.topics import PART_FORECASTS

TITLE = Bilingual("配件需求预测", "Forecast of parts")
QUESTION = Bilingual(
    "今后会需要哪些配件，货架上应备多少？", "Which parts will be asked for, and how many should lie on the shelf?"
)
BATCH = 500


@dataclass(frozen=True, slots=True)
class ForecastRequest:
    """Which forecast: so many days from `day` on (None for today), of one center or all."""

    horizon: int
    day: date | None = None
    center: str | None = None

    def checked(self, today: date) -> "ForecastRequest":
        """The same. Raises ExitError for a horizon that is none, or a first day that is not there yet or long gone."""
        if not 1 <= self.horizon <= MOST_HORIZON_DAYS:
            raise ExitError(f"--horizon is 1 to {MOST_HORIZON_DAYS} days", USAGE)
        if self.day is not None and not EARLIEST < self.day <= today + timedelta(days=1):
            raise ExitError(f"--day is a day from {EARLIEST.year} to today", USAGE)
        return self


@dataclass(frozen=True, slots=True)
class PartForecast:
    """A forecast as it is shown, and what of it is to be published."""

    report: Report
    table: Sheet
    rows: list[dict[str, Any]]
    unpublished: list[dict[str, Any]]


def forecast_parts(settings: ReportSettings, targets: Targets, request: ForecastRequest) -> PartForecast:
    """The forecast from ClickHouse. Raises ExitError for a center that no part was ever asked for at."""
    now = datetime.now(UTC)
    request.checked(now.date())
    until = None if request.day is None else request.day - timedelta(days=1)
    options = Options(now, until=until, targets=targets)
    ask = query_runner(settings)
    return computed(ask, options, request, now)


def computed(ask: Ask, options: Options, request: ForecastRequest, now: datetime) -> PartForecast:
    """The forecast; all centers decide on the methods together, also where one of them is shown."""
    plan = ForecastPlan(horizon=request.horizon)
    history = ask_history(ask, options, plan)
    ahead = outlook(ask, history, plan)
    if request.center is not None:
        ahead = of_center(ahead, request.center, set(history.centers["center_id"]))
    rows = list(rows_of(ahead, now))
    report = with_forecast(Report("forecast", TITLE, QUESTION, options.scope()), ahead)
    return PartForecast(report, supply_sheet(ahead.frame), rows, unpublished(ask, rows))


def of_center(ahead: PartsOutlook, center: str, centers: set[str]) -> PartsOutlook:
    """What of it is one center's. Raises ExitError for a center that nobody knows."""
    if center not in centers | set(ahead.answer.demand.centers):
        raise ExitError(f"there is no center {center!r}: `fixtrail sql 'SELECT center_id FROM centers'`", USAGE)
    return replace(ahead, frame=ahead.frame[ahead.frame["center_id"] == center].reset_index(drop=True))


def publish(
    settings: KafkaSettings, rows: list[dict[str, Any]], moved: Callable[[int], object] = lambda _: None
) -> None:
    """Send the rows to topic `part-forecasts`; returns once Kafka has them all. Raises ExitError where it has not."""
    asyncio.run(_send(settings, rows, moved))


async def _send(settings: KafkaSettings, rows: list[dict[str, Any]], moved: Callable[[int], object]) -> None:
    from fixtrail.operations.topics import require_topic
    from fixtrail.settings import client_options
    from runtime.kafka.producer import open_producer

    await require_topic(settings, PART_FORECASTS)
    async with open_producer(client_options(settings), linger_ms=20, request_timeout_ms=60_000) as producer:
        records = records_of(rows)
        for start in range(0, len(records), BATCH):
            batch = records[start : start + BATCH]
            futures = [await producer.send(PART_FORECASTS, record.value, key=record.key) for record in batch]
            await asyncio.gather(*futures)
            moved(len(batch))


def write_csv(forecast: PartForecast, file: Path) -> str:
    """The forecast with its shelf levels as one table; written to a file, or returned for `-`."""
    from fixtrail.reports.forms.document import as_csv

    text = as_csv(forecast.table)
    if str(file) == "-":
        return text
    # With a mark, or Excel takes Chinese for something else.
    file.write_text(text, encoding="utf-8-sig", newline="")
    return ""


# What makes a forecast another one. Means are compared in a form that survives the way to ClickHouse and back.
_SAME = ("q50", "q95", "method", "class_hits", "service_level", "cover_days", "shelf", "definition_version")


def rows_of(ahead: PartsOutlook, now: datetime) -> Iterator[dict[str, Any]]:
    """The rows to publish: one for each part and center with a forecast."""
    about = {**ahead.scope, "published_at": to_ms(now)}
    for row in ahead.frame[ahead.frame["status"] == "forecast"].to_dict("records"):
        yield {
            **about,
            **{name: str(row[name]) for name in ("center_id", "part_no", "method", "class_hits")},
            **{name: float(row[name]) for name in ("mean", "k", "service_level")},
            **{name: int(row[name]) for name in ("q50", "q95", "cover_days", "shelf")},
        }


def unpublished(ask: Ask, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows that ClickHouse does not have as they are."""
    if not rows:
        return []
    published = ask("parts_published", since=rows[0]["origin_day"])
    before = {_key(row): _content(row) for row in published.to_dict("records")}
    return [row for row in rows if before.get(_key(row)) != _content(row)]


def _key(row: Any) -> tuple[str, int, str, str]:
    day = pd.Timestamp(row["origin_day"]).date().isoformat()
    return day, int(row["horizon_days"]), str(row["center_id"]), str(row["part_no"])


def _content(row: Any) -> tuple[Any, ...]:
    return (f"{row['mean']:.9g}", f"{row['k']:.9g}", *(row[name] for name in _SAME))


def records_of(rows: list[dict[str, Any]]) -> list[OutgoingRecord]:
    """The rows as records: one key a forecast, so that compaction leaves the last of each."""
    return [OutgoingRecord("|".join(map(str, _key(row))).encode(), orjson.dumps(row)) for row in rows]
