"""The command `fixtrail`. Each command imports what it needs when it is called, so that `--help` is quick."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from runtime.failure import NEGATIVE, USAGE, ExitError

if TYPE_CHECKING:
    from fixtrail.all_settings import Settings
    from fixtrail.settings import RulesSettings
    from schemas.event_topics import EventTopic
from fixtrail.cli.app import AsJson, Data, app, locale_of, open_input, say, settings_of


@app.command(
    epilog="Examples:  fixtrail send events.ndjson    zcat history.gz | fixtrail send -    fixtrail send f --check    "
    "fixtrail send stock.ndjson --reference    fixtrail send f --history --dry-run"
)
def send(
    source: Annotated[Path, typer.Argument(metavar="FILE|-", help="One event a line; - reads standard input.")],
    check: Annotated[bool, typer.Option("--check", help="Only validate: what is wrong, by line number.")] = False,
    reference: Annotated[
        bool, typer.Option("--reference", help="The lines are reference events: stocks, shifts, price lists.")
    ] = False,
    profile: Annotated[
        bool, typer.Option("--profile", help="With --check: also report data quality, as `report data` would.")
    ] = False,
    html: Annotated[Path | None, typer.Option(help="With --profile: write the report as a page.")] = None,
    locale: Annotated[str, typer.Option(help="With --html: language of the page, zh-CN or en.")] = "zh-CN",
    rate: Annotated[float | None, typer.Option(min=0.001, help="At most so many events per second.")] = None,
    history: Annotated[
        bool, typer.Option("--history", help="What was closed long ago goes straight into ClickHouse.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="With --history: only say what would go which way.")
    ] = False,
    as_json: AsJson = False,
    data: Data = None,
) -> None:
    """Send each line's bytes, unchanged, to `service-events`; the key is the line's vehicle_id where it parses.

    With --reference they go to `reference-events`, by their center_id. With --history a vehicle whose orders were all
    closed longer ago than FIXTRAIL_HOLD_DAYS goes past Kafka, to the same rows.

    Exits 0 once Kafka has acknowledged every line, 1 if one was not; with --check 1 if a line is no event.
    """
    import asyncio

    from fixtrail.sending import send as sending
    from fixtrail.terminal.progress_bars import bytes_bar
    from schemas.event_topics import REFERENCE, SERVICE

    settings, topic = settings_of(data), REFERENCE if reference else SERVICE
    if dry_run and not history:
        raise ExitError("--dry-run goes with --history; --check validates without it", USAGE)
    if history:
        if check or reference or rate is not None:
            raise ExitError("--history goes without --check, --reference and --rate", USAGE)
        raise SystemExit(_send_history(settings, source, dry_run, as_json))
    if profile and not check:
        raise ExitError("--profile goes with --check: nothing is sent", USAGE)
    if profile and reference:
        raise ExitError("--profile is about the events of orders: leave out --reference", USAGE)
    if profile:
        raise SystemExit(_profile(settings, source, as_json, html, locale))
    if check:
        raise SystemExit(_check(settings, source, as_json, topic))
    with open_input(source) as lines, bytes_bar("sending", sending.size_of(source)) as moved:
        sent = asyncio.run(sending.send_lines(settings, lines, topic=topic, rate=rate, moved=moved))
    if as_json:
        import orjson

        say(orjson.dumps(sent).decode())
    else:
        pace = sent.acknowledged / sent.seconds if sent.seconds else 0.0
        say(f"{sent.acknowledged:,} events acknowledged in {sent.seconds:.1f} s ({pace:,.0f} per second)")
        if sent.empty:
            say(f"{sent.empty:,} empty lines skipped")
        if sent.without_key:
            say(f"{sent.without_key:,} lines without a readable {topic.key_field} went without a key")
        for trace in sent.traces:
            say(f"trace {trace}")
    if sent.too_long:
        line_numbers = ", ".join(map(str, sent.too_long[:10]))
        print(f"fixtrail: not sent, longer than 8 MiB: line {line_numbers}", file=sys.stderr)
    if sent.error:
        print(
            f"fixtrail: {sent.failed:,} events were not acknowledged and what follows them was not sent: {sent.error}. "
            "Send the file again: an event that arrives twice counts once",
            file=sys.stderr,
        )
    raise SystemExit(0 if sent.complete else NEGATIVE)


def _send_history(settings: "Settings", source: Path, dry_run: bool, as_json: bool) -> int:
    """Send a file as history and say what was done; the exit code."""
    import asyncio

    from fixtrail.history.command import read_lines, run_history, show
    from fixtrail.sending.send import size_of

    with open_input(source) as lines:
        report = asyncio.run(run_history(settings, read_lines(lines, size_of(source)), dry_run=dry_run))
    return show(report, say, as_json=as_json)


def _profile(settings: "Settings", source: Path, as_json: bool, html: Path | None, locale: str) -> int:
    """Tell what `report data` would say of the lines; the exit code, 1 where a line is no event."""
    from fixtrail.configuration import centers_of
    from fixtrail.reports import command
    from fixtrail.reports.data.profile import FileProfile
    from fixtrail.sending import send as sending
    from fixtrail.terminal.progress_bars import bytes_bar
    from schemas.origin import center_of

    result, profile = sending.CheckResult(), FileProfile(centers=centers_of(settings))
    forms = command.ReportForms(json=as_json, html=html, locale=locale_of(locale))
    with open_input(source) as lines, bytes_bar("checking", sending.size_of(source)) as moved:
        errors = sending.check_lines(
            lines,
            result,
            max_bytes=settings.max_record_bytes,
            latest_ms=_latest_ms(settings),
            moved=moved,
            accepted=profile.add,
            refused=lambda error, line: profile.refuse(error.code, center_of(line)),
        )
        for number, error in errors:
            if not as_json:
                say(f"line {number}: {error.code}: {error.reason}")
    command.deliver(profile.report(), forms, say)
    return NEGATIVE if result.bad else 0


def _latest_ms(settings: "RulesSettings") -> int:
    """The latest instant of an event that workers would take now."""
    from runtime.clock import now_ms

    return now_ms() + settings.max_ahead_s * 1000


def _check(settings: "RulesSettings", source: Path, as_json: bool, topic: "EventTopic") -> int:
    """Validate the lines and say what was found; the exit code."""
    from fixtrail.sending import send as sending
    from fixtrail.terminal.progress_bars import bytes_bar

    result = sending.CheckResult()
    errors = []
    with open_input(source) as lines, bytes_bar("checking", sending.size_of(source)) as moved:
        refused = sending.check_lines(
            lines,
            result,
            max_bytes=settings.max_record_bytes,
            latest_ms=_latest_ms(settings),
            topic=topic,
            moved=moved,
        )
        for number, error in refused:
            if as_json:
                errors.append({"line": number, "code": error.code, "reason": error.reason})
            else:
                say(f"line {number}: {error.code}: {error.reason}")
    if as_json:
        import orjson

        say(orjson.dumps({**result.as_json(), "errors": errors}).decode())
        return NEGATIVE if result.bad else 0
    say(f"{result.lines:,} lines: {result.types.total():,} events, {result.bad:,} errors, {result.empty:,} empty lines")
    for title, counts in (("", result.types), ("error ", result.codes), ("unknown field ", result.extra_fields)):
        for name, count in counts.most_common(50):
            say(f"  {count:>10,}  {title}{name}")
    return NEGATIVE if result.bad else 0


@app.command(epilog="Example:  fixtrail facts events.ndjson --now 2026-03-02T00:00:00Z > facts.ndjson")
def facts(
    source: Annotated[Path, typer.Argument(metavar="FILE|-", help="One event a line; - reads standard input.")],
    now: Annotated[str | None, typer.Option(help="Open orders run to this time.  [default: the clock]")] = None,
    data: Data = None,
) -> None:
    """The journeys of a file of events, by the rules of the stream: one JSON line per order, named as view `orders`.

    Lines that are no event are told on stderr and make the exit code 1; the facts of all others are printed.
    """
    from fixtrail.recompute import facts as computing
    from fixtrail.sending.send import size_of
    from fixtrail.terminal.printable import write_stdout
    from fixtrail.terminal.progress_bars import bytes_bar

    settings = settings_of(data)
    keyed = computing.keyed_hash(settings)
    if keyed is None:
        print("fixtrail: no FIXTRAIL_HASH_KEY and no stack: vehicle_key and customer_key are left out", file=sys.stderr)
    bad = 0

    def refused(number: int, error: Any) -> None:
        nonlocal bad
        bad += 1
        print(f"line {number}: {error.code}: {error.reason}", file=sys.stderr)

    now_ms = computing.parse_now(now)
    with open_input(source) as lines, bytes_bar("reading", size_of(source)) as moved:
        limit = settings.max_record_bytes
        for line in computing.facts_of(lines, now_ms, keyed, refused, max_bytes=limit, moved=moved):
            write_stdout(line)
    sys.stdout.flush()
    if bad:
        raise ExitError(f"{bad:,} lines are no event")


@app.command(epilog="Examples:  fixtrail verify --data .fixtrail    fixtrail verify --rules python")
def verify(
    rules: Annotated[
        Literal["sql", "python"],
        typer.Option(help="Derive in ClickHouse by SQL that shares nothing with the stream, or by the stream's rules."),
    ] = "sql",
    as_json: AsJson = False,
    data: Data = None,
) -> None:
    """Derive every order from the stored events again and report every difference to what is stored; 1 if there is one.

    Works inside ClickHouse, slice by slice of vehicles. Run it while no events arrive.
    """
    from fixtrail.recompute.verify import run_verify

    raise SystemExit(run_verify(settings_of(data), rules=rules, as_json=as_json))


@app.command(
    "import",
    epilog="Examples:  fixtrail import --suggest orders.csv > dms.toml    "
    "fixtrail import orders.csv --mapping dms.toml --dry-run    "
    "fixtrail import orders.csv --mapping dms.toml --history --dry-run",
)
def import_(
    log: Annotated[Path | None, typer.Argument(metavar="LOG", help="XES (.gz too) or CSV.")] = None,
    mapping: Annotated[
        Path | None, typer.Option("--mapping", metavar="FILE.toml", help="Which columns become which events.")
    ] = None,
    suggest: Annotated[
        Path | None, typer.Option(metavar="LOG", help="Print a first mapping for this log, to be corrected by hand.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Send nothing, only report.")] = False,
    rejects: Annotated[Path | None, typer.Option(help="Write rows that made no event here, as JSON lines.")] = None,
    out: Annotated[Path | None, typer.Option(help="Write the events to this file instead of sending them.")] = None,
    history: Annotated[
        bool, typer.Option("--history", help="What was closed long ago goes straight into ClickHouse.")
    ] = False,
    as_json: AsJson = False,
    data: Data = None,
) -> None:
    """Turn a log of another system into events by a mapping file, and say what was not mapped and why.

    The event ids follow from the log, so a second import changes nothing.
    """
    from fixtrail.sending.sources import ImportRun, run_import, suggest_to

    if suggest is not None:
        # `import LOG --suggest FILE` writes to FILE what `import --suggest LOG` prints.
        return suggest_to(suggest if log is None else log, None if log is None else suggest, say)
    if log is None or mapping is None:
        raise ExitError("give LOG and --mapping FILE.toml, or --suggest LOG for a first mapping", USAGE)
    run = ImportRun(log, mapping, dry_run, out, rejects)
    if history and out is not None:
        raise ExitError("--history goes without --out; `fixtrail send FILE --history` takes such a file", USAGE)
    if history:
        from fixtrail.history.import_command import run_history_import

        raise SystemExit(run_history_import(settings_of(data), run, as_json=as_json, say=say))
    raise SystemExit(run_import(settings_of(data), run, as_json=as_json, say=say))


@app.command(
    epilog="Examples:  fixtrail simulate --seed 7 --days 30 --out events.ndjson    fixtrail simulate --speed 600    "
    "fixtrail simulate --reference --days 30 --out reference.ndjson"
)
def simulate(
    seed: Annotated[int, typer.Option(help="The same seed, the same events.")] = 1,
    days: Annotated[int | None, typer.Option(min=1, help="Days to play.  [default: the scenario's]")] = None,
    centers: Annotated[int | None, typer.Option(min=1, help="How many centers.  [default: the scenario's]")] = None,
    scenario: Annotated[str, typer.Option(help="A scenario's name, or a TOML file.")] = "owners-story",
    start: Annotated[str | None, typer.Option(help="Time with offset.  [default: so many days ago]")] = None,
    out: Annotated[Path | None, typer.Option(help="Write events here, - for stdout, and send none.")] = None,
    reference: Annotated[
        bool, typer.Option("--reference", help="Play what the centers tell beside orders: stocks, shifts, prices.")
    ] = False,
    speed: Annotated[float | None, typer.Option(min=0.01, help="Send at so many times the world's pace.")] = None,
    truth: Annotated[Path | None, typer.Option(help="Also write what the run has planted, as JSON.")] = None,
    centers_out: Annotated[Path | None, typer.Option(help="Also write the centers' reference data, as TOML.")] = None,
    data: Data = None,
) -> None:
    """Play workshops: bays, technicians, parts, opening hours; all ten event types, with real feeds' anomalies.

    Events go to Kafka as fast as it takes them, or --speed times as fast as in the world, or into a file.
    """
    from fixtrail.recompute.facts import parse_time
    from fixtrail.sending.sources import SimulatedRun, run_reference_simulation, run_simulation, write_beside

    begins = parse_time(start, "--start") if start else None
    run = SimulatedRun(scenario, seed, days, centers, begins, speed)
    if reference and speed:
        raise ExitError("--speed goes with the events of orders: leave out --reference", USAGE)
    write_beside(run, truth=truth, centers=centers_out)
    if reference:
        raise SystemExit(run_reference_simulation(settings_of(data), run, out=out, say=say))
    raise SystemExit(run_simulation(settings_of(data), run, out=out, say=say))
