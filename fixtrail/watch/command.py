"""`fixtrail alerts`: lists, shows and acknowledges alerts."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any
from zoneinfo import ZoneInfo

from fixtrail.configuration import centers_of
from fixtrail.operations.topics import require_topic
from fixtrail.settings import KafkaSettings, WatchSettings, client_options
from fixtrail.terminal.printable import cell, shown_text
from fixtrail.watch.acks import acknowledge
from fixtrail.watch.alerts import is_newer
from fixtrail.watch.config import read_watch_config
from fixtrail.watch.words import Wording
from runtime.failure import NEGATIVE, OK, USAGE, ExitError
from runtime.kafka.producer import open_producer
from runtime.kafka.table import Table, follow_tables
from runtime.tasks import end_all
from schemas.facts import Alert
from schemas.opening_hours import local
from schemas.toml_file import TomlFileError
from schemas.topics import ALERTS


class Alerts(Table[Alert]):
    """All alerts by their ids, in memory."""

    def __init__(self, kafka: Mapping[str, Any]) -> None:
        super().__init__(ALERTS, Alert.model_validate_json, is_newer=is_newer)
        self._kafka = kafka

    def starting_with(self, text: str) -> list[Alert]:
        """The alerts whose id begins with the prefix."""
        return [alert for alert_id, alert in self.items() if alert_id.startswith(text)]

    def all(self, state: str | None = "open") -> list[Alert]:
        """The alerts in a state (None: in any), the oldest first."""
        alerts = [alert for alert in self.values() if state in (None, alert.state)]
        return sorted(alerts, key=lambda alert: (alert.opened_at, alert.alert_id))

    async def run(self) -> None:
        """Follow the topic until cancelled."""
        await follow_tables(self._kafka, [self])


READ_LIMIT_S = 30.0
ANSWER_LIMIT_S = 10.0
STATES = ("open", "acknowledged", "closed", "all")


def list_alerts(settings: WatchSettings, state: str, center: str | None, rule: str | None, *, as_json: bool) -> int:
    """Print the alerts in a state; the exit code 0. Raises ExitError for a state that there is not (2)."""
    if state not in STATES:
        raise ExitError(f"--state is one of {', '.join(STATES)}", USAGE)
    alerts = asyncio.run(_all(settings, None if state == "all" else state))
    selected = [alert for alert in alerts if center in (None, alert.center_id) and rule in (None, alert.rule)]
    if as_json:
        _print_json([alert.model_dump(mode="json") for alert in selected])
    else:
        _print_table(settings, selected, state)
    return OK


def show_alert(settings: KafkaSettings, text: str) -> int:
    """Print one alert; the exit code 0. Raises ExitError where there is none such, or more than one."""

    async def find() -> Alert:
        async with _read(settings) as alerts:
            return _single_alert(alerts, text)

    _print_json(asyncio.run(find()).model_dump(mode="json"))
    return OK


def acknowledge_alert(settings: KafkaSettings, text: str, by: str, note: str | None) -> int:
    """Acknowledge an alert and wait until it is closed; 1 where no watch has answered in time.

    Raises ExitError where there is no such alert, or it is closed.
    """
    return asyncio.run(_acknowledge(settings, text, by, note))


async def _acknowledge(settings: KafkaSettings, text: str, by: str, note: str | None) -> int:
    if not by.strip():
        raise ExitError("--by says who takes care of it", USAGE)
    async with _read(settings) as alerts:
        alert = _single_alert(alerts, text)
        if alert.closed_at is not None:
            raise ExitError(f"{alert.alert_id} is {alert.state} already")
        async with open_producer(client_options(settings)) as producer:
            await acknowledge(producer, alert.alert_id, by.strip(), note)
        try:
            async with asyncio.timeout(ANSWER_LIMIT_S):
                while (now := alerts.get(alert.alert_id)) is not None and now.closed_at is None:
                    await asyncio.sleep(0.1)
        except TimeoutError:
            print("noted; no watch has taken it up yet. Does `fixtrail watch` run?")
            return NEGATIVE
    print(f"{alert.alert_id} is acknowledged")
    return OK


@asynccontextmanager
async def _read(settings: KafkaSettings) -> AsyncIterator[Alerts]:
    """All alerts of the topic, followed until the end. Raises ExitError where it cannot be read."""
    await require_topic(settings, ALERTS)
    alerts = Alerts(client_options(settings))
    following = asyncio.create_task(alerts.run())
    try:
        try:
            await asyncio.wait_for(alerts.read.wait(), READ_LIMIT_S)
        except TimeoutError:
            raise ExitError(f"topic {ALERTS} could not be read within {READ_LIMIT_S:.0f} s") from None
        yield alerts
    finally:
        await end_all(following)


async def _all(settings: KafkaSettings, state: str | None) -> list[Alert]:
    async with _read(settings) as alerts:
        return alerts.all(state)


def _single_alert(alerts: Alerts, text: str) -> Alert:
    matches = alerts.starting_with(text)
    if len(matches) != 1:
        raise ExitError(f"there is no alert {text}" if not matches else f"{len(matches)} alerts begin with {text}")
    return matches[0]


def _print_json(document: Any) -> None:
    import orjson

    print(shown_text(orjson.dumps(document, option=orjson.OPT_INDENT_2).decode()))


def _print_table(settings: WatchSettings, alerts: list[Alert], state: str) -> None:
    from rich.console import Console
    from rich.table import Table

    if not alerts:
        print("no alerts" if state == "all" else f"no {state} alerts")
        return
    try:
        config = read_watch_config(settings.watch)
        locale, zone = config.locale, config.time_zone
    except TomlFileError:
        locale, zone = "zh-CN", "Asia/Shanghai"
    wording = Wording(locale, zone, centers_of(settings))
    table = Table("opened", "id", "rule", "state", "level", "center", "what")
    for alert in alerts:
        opened = local(alert.opened_at, ZoneInfo(zone))
        style = {"critical": "red", "warning": "yellow"}.get(alert.severity, "") if alert.state == "open" else "dim"
        table.add_row(
            f"{opened:%m-%d %H:%M}",
            alert.alert_id[:10],
            cell(alert.rule),
            alert.state,
            str(alert.level),
            cell(alert.center_id or ""),
            cell(wording.about(alert)),
            style=style,
        )
    console = Console()
    (console if console.is_terminal else Console(width=160)).print(table)
