"""The command `fixtrail`. Each command imports what it needs when it is called, so that `--help` is quick."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from fixtrail.cli.app import Data, app, say, settings_of
from runtime.clock import now_ms
from runtime.failure import USAGE, ExitError

sink_app = typer.Typer(help="Write the topics somewhere else.", no_args_is_help=True)


@app.command(
    epilog="Examples:  fixtrail up --data /var/lib/fixtrail --ports auto --workers 2    fixtrail up --broker kafka "
    "--kafka-home /opt/kafka"
)
def up(
    data: Data = None,
    ports: Annotated[str, typer.Option(help="`auto` takes free ports, `fixed` 9092, 8123 and 9000.")] = "fixed",
    workers: Annotated[int, typer.Option(min=1, max=64, help="Stream workers to run.")] = 1,
    boxes: Annotated[bool, typer.Option("--boxes/--no-boxes", help="Only broker and ClickHouse without.")] = True,
    broker: Annotated[
        Literal["embedded", "kafka"], typer.Option(help="`kafka`: one node of Apache Kafka.")
    ] = "embedded",
    kafka_home: Annotated[
        Path | None, typer.Option(envvar="KAFKA_HOME", help="Folder of Apache Kafka's download, for `--broker kafka`.")
    ] = None,
) -> None:
    """Start broker, ClickHouse and every box on this machine; Ctrl-C stops them all.

    Prints `ready` once events can be sent. Other commands find the stack by the same --data.
    """
    from fixtrail.local.apache_kafka import jars_of
    from fixtrail.local.stack import run_stack

    if ports not in ("auto", "fixed"):
        raise ExitError("--ports is auto or fixed", USAGE)
    jars = jars_of(kafka_home) if broker == "kafka" else None
    settings, auto = settings_of(data), ports == "auto"
    raise SystemExit(run_stack(settings, workers=workers, auto_ports=auto, boxes=boxes, say=say, kafka_jars=jars))


@app.command(epilog="Example:  FIXTRAIL_KAFKA=kafka:9092 fixtrail worker")
def worker(data: Data = None) -> None:
    """Run one stream worker: events in, journeys, center hours, notices and dead letters out. Start more to scale."""
    from fixtrail.boxes import run_worker_box

    raise SystemExit(run_worker_box(settings_of(data)))


@sink_app.command("clickhouse", epilog="Example:  FIXTRAIL_KAFKA=kafka:9092 FIXTRAIL_CLICKHOUSE=http://ch:8123 … ")
def sink_clickhouse(data: Data = None) -> None:
    """Write events, journeys and center hours into ClickHouse. Start more to scale."""
    from fixtrail.boxes import run_clickhouse_box

    raise SystemExit(run_clickhouse_box(settings_of(data)))


@sink_app.command("push", epilog="Example:  FIXTRAIL_KAFKA=kafka:9092 FIXTRAIL_PUSH=push.toml fixtrail sink push")
def sink_push(data: Data = None) -> None:
    """Tell customers by the channels that FIXTRAIL_PUSH sets up; without it, only this log. Start more to scale."""
    from fixtrail.boxes import run_push_box

    raise SystemExit(run_push_box(settings_of(data)))


@app.command(epilog="Example:  FIXTRAIL_KAFKA=kafka:9092 FIXTRAIL_PUBLIC_URL=https://track.example.com fixtrail web")
def web(data: Data = None) -> None:
    """Serve the customers' tracking pages, the ops board and the event API. Start more to scale."""
    from fixtrail.boxes import run_web_box

    raise SystemExit(run_web_box(settings_of(data)))


@app.command(epilog="Example:  FIXTRAIL_KAFKA=kafka:9092 FIXTRAIL_WATCH=watch.toml fixtrail watch")
def watch(data: Data = None) -> None:
    """Tell customers and staff what no event tells: broken promises, silence, long waits. Start more to scale."""
    from fixtrail.boxes import run_watch_box

    raise SystemExit(run_watch_box(settings_of(data)))


@app.command(
    epilog="Example:  FIXTRAIL_CLICKHOUSE=http://ch:8123 FIXTRAIL_REPORTS=examples/reports.toml fixtrail reports"
)
def reports(data: Data = None) -> None:
    """Send packs of reports by the schedules that FIXTRAIL_REPORTS names, each once; see `fixtrail pack log`."""
    from fixtrail.boxes import run_reports_box

    raise SystemExit(run_reports_box(settings_of(data)))


@app.command(epilog="Example:  FIXTRAIL_KAFKA=kafka:9092 FIXTRAIL_HEALTH_PORT=8080 fixtrail pulse")
def pulse(data: Data = None) -> None:
    """Send heartbeats through the topics and tell every group's lag at /metrics. One is enough; `up` has its own."""
    from fixtrail.boxes import run_pulse_box

    raise SystemExit(run_pulse_box(settings_of(data)))


@app.command(epilog="Example:  fixtrail migrate --data .fixtrail    fixtrail migrate --print-grants")
def migrate(
    only: Annotated[str | None, typer.Option(help="`topics` or `clickhouse`: only that half.")] = None,
    print_grants: Annotated[
        bool,
        typer.Option("--print-grants", help="Only print ClickHouse's users and their rights as SQL; change nothing."),
    ] = False,
    data: Data = None,
) -> None:
    """Create the topics and bring ClickHouse's tables and views up to date. Doing it again changes nothing."""
    import asyncio

    from fixtrail.clickhouse.admin import load_centers, migrate_clickhouse
    from fixtrail.operations.topics import check_topics, ensure_topics

    if only not in (None, "topics", "clickhouse"):
        raise ExitError("--only is topics or clickhouse", USAGE)
    settings = settings_of(data)
    if print_grants:
        from fixtrail.clickhouse.grants import grants_sql

        say(grants_sql(settings))
        return
    if only != "clickhouse":
        for name in asyncio.run(ensure_topics(settings)):
            say(f"topic {name} created")
        for difference in asyncio.run(check_topics(settings)):
            say(difference.text)
    if only != "topics":
        for name in migrate_clickhouse(settings):
            say(f"migration {name} applied")
        if settings.centers:
            say(f"{load_centers(settings, settings.centers)} centers loaded")


@app.command(epilog="Example:  fixtrail retention --dry-run")
def retention(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Change nothing, only say what would be.")] = False,
    data: Data = None,
) -> None:
    """Delete closed journeys older than FIXTRAIL_JOURNEYS_DAYS from their topic, as `fixtrail pulse` does each day."""
    import asyncio

    from fixtrail.operations.retention import forget_old

    forgotten = asyncio.run(forget_old(settings_of(data), now_ms(), dry_run=dry_run))
    say(f"{forgotten:,} closed journeys {'would leave' if dry_run else 'left'} the topic")
