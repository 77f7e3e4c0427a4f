"""`fixtrail api-keys log`: what each key asked and how it was answered, for the operator."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fixtrail.settings import ApiKeySettings
from fixtrail.web.api.keys import key_file
from fixtrail.web.api.request_log import MEBIBYTE, LogPage, LogQuery, RequestLog, RequestRecord
from runtime.clock import now_ms
from runtime.failure import NEGATIVE, USAGE, ExitError
from runtime.store import StoreUnavailableError, is_absent
from schemas.times import HOUR_MS, from_ms, rfc3339

_COLUMNS = ("at", "key", "source", "method", "route", "status", "problem", "test", "replayed", "took_ms")
_OF_EVENT = ("index", "event_id", "event_status", "code")


@dataclass(frozen=True, slots=True)
class LogFilter:
    """Which requests the operator asks for."""

    key_id: str | None
    hours: int = 24
    status: int | None = None
    problem: str | None = None
    event_id: str | None = None
    refused: bool = False
    limit: int = 100

    def query(self, before: int | None = None) -> LogQuery:
        since = now_ms() - self.hours * HOUR_MS
        return LogQuery(
            self.key_id, since, self.status, self.problem, self.event_id, self.refused, before, limit=self.limit
        )


def read_log(settings: ApiKeySettings, log_filter: LogFilter) -> list[dict[str, Any]]:
    """The requests, the newest first, each with its key's source. Raises ExitError where the log cannot be read."""
    sources = {key.id: key.source for key in key_file(settings).read()}
    key_id = log_filter.key_id
    if key_id is not None and key_id not in sources:
        raise ExitError(f"there is no API key {key_id}: `fixtrail api-keys list` names them", USAGE)
    if not settings.api_log_hours:
        raise ExitError("FIXTRAIL_API_LOG_HOURS is 0: no log of requests is kept")
    page = _page(settings, log_filter)
    return [_as_dict(record, sources.get(record.key_id, "")) for record in page.records]


def _page(settings: ApiKeySettings, log_filter: LogFilter) -> LogPage:
    dsn = settings.api_log_dsn()
    # A file that this command made might be none that the server may write.
    if is_absent(dsn):
        return LogPage([])
    requests = RequestLog(dsn, settings.api_log_hours, settings.api_log_mib * MEBIBYTE)
    try:
        return requests.read(log_filter.query())
    except StoreUnavailableError as error:
        raise ExitError(str(error), NEGATIVE) from None
    finally:
        requests.close()


def _as_dict(record: RequestRecord, source: str) -> dict[str, Any]:
    return {
        "at": rfc3339(from_ms(record.at_ms)),
        "key": record.key_id,
        "source": source,
        "method": record.method,
        "route": record.route,
        "status": record.status,
        "problem": record.problem,
        "test": record.test,
        "replayed": record.replayed,
        "took_ms": record.took_ms,
        "accepted": record.accepted,
        "refused": record.refused,
        "items": list(record.items),
        "items_left_out": record.items_left_out,
    }


def write_csv(requests: Sequence[dict[str, Any]], file: Path) -> None:
    """One line an event, one of its own for a request without events; `-` is stdout."""
    from fixtrail.reports.forms.document import as_csv
    from fixtrail.reports.report import Bilingual, Column, Sheet
    from fixtrail.terminal.printable import shown_text

    columns = tuple(Column(name, Bilingual(name, name)) for name in (*_COLUMNS, *_OF_EVENT))
    text = as_csv(Sheet("requests", Bilingual("请求", "Requests"), columns, tuple(_lines(requests))))
    if str(file) == "-":
        print(shown_text(text), end="", flush=True)
    else:
        file.write_text(text, encoding="utf-8-sig", newline="")


def _lines(requests: Sequence[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for request in requests:
        columns = {name: request[name] for name in _COLUMNS}
        for item in request["items"] or [{}]:
            yield {**columns, **item, "event_status": item.get("status"), "status": request["status"]}


def print_log(requests: Sequence[dict[str, Any]]) -> None:
    """A line for each request, and one for each of its first events that were not accepted, on stdout."""
    from fixtrail.terminal.printable import printable

    for request in requests:
        status = " ".join(filter(None, (str(request["status"]), request["problem"], "test" if request["test"] else "")))
        accepted = f"{request['accepted']:,} of {request['accepted'] + _others(request):,} accepted"
        parts = (request["at"], request["key"], request["source"], f"{request['method']} {request['route']}", status)
        print(printable("  ".join([*parts, *([accepted] if request["items"] else [])])))
        for line in _not_accepted(request):
            print(printable(f"    {line}"))
    if not requests:
        print("no requests")


def _others(request: dict[str, Any]) -> int:
    """How many events of a request were not accepted."""
    return len(request["items"]) + int(request["items_left_out"]) - int(request["accepted"])


def _not_accepted(request: dict[str, Any]) -> list[str]:
    items = [item for item in request["items"] if item["status"] != "accepted"]
    lines = [f"{item['event_id'] or '#' + str(item['index'])}: {item.get('code', item['status'])}" for item in items]
    return [*lines[:5], *([f"… {len(lines) - 5} more"] if len(lines) > 5 else [])]
