"""The command `fixtrail`. Each command imports what it needs when it is called, so that `--help` is quick."""

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, BinaryIO

import typer

from fixtrail.failure import NEGATIVE, USAGE, Failure

if TYPE_CHECKING:
    from fixtrail.settings import Settings

RATE_OVER_S = 1.0
EXIT_CODES = (
    "Exit codes: 0 done, 1 a negative result or something that did not work, 2 wrong usage, 70 a bug or a failed "
    "write, 75 ended by the watchdog, 78 refuses to go on."
)
app = typer.Typer(
    name="fixtrail",
    help="Event-driven customer-journey tracker for after-sales service.",
    epilog=EXIT_CODES,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
sink_app = typer.Typer(help="Write the topics somewhere else.", no_args_is_help=True)
letters_app = typer.Typer(help="What was refused and why, and putting it back.", no_args_is_help=True)
centers_app = typer.Typer(help="Reference data of the service centers.", no_args_is_help=True)
app.add_typer(sink_app, name="sink")
app.add_typer(letters_app, name="dead-letters")
app.add_typer(centers_app, name="centers")
notices_app = typer.Typer(help="What customers were told, or would be, and what they agree to.", no_args_is_help=True)
app.add_typer(notices_app, name="notices")
alerts_app = typer.Typer(help="What the staff must look at, and taking care of it.", no_args_is_help=True)
app.add_typer(alerts_app, name="alerts")
tracking_app = typer.Typer(help="Links to the customers' tracking pages.", no_args_is_help=True)
app.add_typer(tracking_app, name="tracking")
keys_app = typer.Typer(help="Keys with which other systems send events and read orders.", no_args_is_help=True)
app.add_typer(keys_app, name="api-keys")
users_app = typer.Typer(help="Accounts of the ops board and the analysis pages.", no_args_is_help=True)
app.add_typer(users_app, name="users")

Data = Annotated[
    Path | None,
    typer.Option("--data", help="Folder of the embedded stack.  [env: FIXTRAIL_DATA; default: .fixtrail]"),
]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON document, for scripts.")]


def main() -> None:
    """Run the command line; every expected failure is one line on stderr and an exit code."""
    try:
        app()
    except Failure as failure:
        _end(str(failure), failure.exit_code)
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        # `fixtrail … | head`: whoever read has seen enough.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except Exception as error:
        if (said := _said(error)) is None:
            raise
        _end(*said)


def _said(error: Exception) -> tuple[str, int] | None:
    """What to tell, and the exit code, for errors that are no bug of ours; None for all others."""
    from pydantic import ValidationError

    kind = type(error).__name__
    if kind == "NoEndpointError":
        return str(error), NEGATIVE
    if isinstance(error, ValidationError) and error.title == "Settings":
        wrong = "; ".join(f"FIXTRAIL_{str(e['loc'][0]).upper()}: {e['msg']}" for e in error.errors(include_input=False))
        return f"wrong setting: {wrong}", USAGE
    if isinstance(error, FileNotFoundError) and error.filename:
        return f"there is no file {error.filename}", NEGATIVE
    if isinstance(error, PermissionError | IsADirectoryError | NotADirectoryError) and error.filename:
        return f"{error.filename} cannot be used: {error.strerror}", NEGATIVE
    if type(error).__module__.startswith("aiokafka"):
        return f"Kafka cannot be used: {error}. Is it running? `fixtrail status`", NEGATIVE
    return None


def _end(message: str, code: int) -> None:
    print(f"fixtrail: {message}", file=sys.stderr)
    sys.exit(code)


def _settings(data: Path | None, **changed: Any) -> "Settings":
    from fixtrail.settings import Settings

    given = {name: value for name, value in {"data": data, **changed}.items() if value is not None}
    return Settings(**given)


def _say(message: str) -> None:
    print(message, flush=True)


def _say_json(document: Any) -> None:
    import orjson

    _say(orjson.dumps(document, option=orjson.OPT_INDENT_2).decode())


def _opened(source: Path) -> BinaryIO:
    return sys.stdin.buffer if str(source) == "-" else source.open("rb")


@app.command(epilog="Example:  fixtrail up --data /var/lib/fixtrail --ports auto --workers 2")
def up(
    data: Data = None,
    ports: Annotated[str, typer.Option(help="`auto` takes free ports, `fixed` 9092, 8123 and 9000.")] = "fixed",
    workers: Annotated[int, typer.Option(min=1, max=64, help="Stream workers to run.")] = 1,
) -> None:
    """Start broker, ClickHouse and every box on this machine; Ctrl-C stops them all.

    Prints `ready` once events can be sent. Other commands find the stack by the same --data.
    """
    from fixtrail.local.stack import run_stack

    if ports not in ("auto", "fixed"):
        raise Failure("--ports is auto or fixed", USAGE)
    raise SystemExit(run_stack(_settings(data), workers=workers, auto_ports=ports == "auto", say=_say))


@app.command(epilog="Example:  FIXTRAIL_KAFKA=kafka:9092 fixtrail worker")
def worker(data: Data = None) -> None:
    """Run one stream worker: events in, journeys, center hours, notices and dead letters out. Start more to scale."""
    from fixtrail.boxes import run_worker_box

    raise SystemExit(run_worker_box(_settings(data)))


@sink_app.command("clickhouse", epilog="Example:  FIXTRAIL_KAFKA=kafka:9092 FIXTRAIL_CLICKHOUSE=http://ch:8123 … ")
def sink_clickhouse(data: Data = None) -> None:
    """Write events, journeys and center hours into ClickHouse. Start more to scale."""
    from fixtrail.boxes import run_clickhouse_box

    raise SystemExit(run_clickhouse_box(_settings(data)))


@sink_app.command("push", epilog="Example:  FIXTRAIL_KAFKA=kafka:9092 FIXTRAIL_PUSH=push.toml fixtrail sink push")
def sink_push(data: Data = None) -> None:
    """Tell customers by the channels that FIXTRAIL_PUSH sets up; without it, only this log. Start more to scale."""
    from fixtrail.boxes import run_push_box

    raise SystemExit(run_push_box(_settings(data)))


@app.command(epilog="Example:  FIXTRAIL_KAFKA=kafka:9092 FIXTRAIL_PUBLIC_URL=https://track.example.com fixtrail web")
def web(data: Data = None) -> None:
    """Serve the customers' tracking pages, the ops board and the event API. Start more to scale."""
    from fixtrail.boxes import run_web_box

    raise SystemExit(run_web_box(_settings(data)))


@app.command(epilog="Example:  FIXTRAIL_KAFKA=kafka:9092 FIXTRAIL_WATCH=watch.toml fixtrail watch")
def watch(data: Data = None) -> None:
    """Tell customers and staff what no event tells: broken promises, silence, long waits. Start more to scale."""
    from fixtrail.boxes import run_watch_box

    raise SystemExit(run_watch_box(_settings(data)))


@app.command(epilog="Example:  FIXTRAIL_KAFKA=kafka:9092 FIXTRAIL_HEALTH_PORT=8080 fixtrail pulse")
def pulse(data: Data = None) -> None:
    """Send heartbeats through the topics and tell every group's lag at /metrics. One is enough; `up` has its own."""
    from fixtrail.boxes import run_pulse_box

    raise SystemExit(run_pulse_box(_settings(data)))


@app.command(epilog="Example:  fixtrail migrate --data .fixtrail")
def migrate(
    only: Annotated[str | None, typer.Option(help="`topics` or `clickhouse`: only that half.")] = None,
    data: Data = None,
) -> None:
    """Create the topics and bring ClickHouse's tables and views up to date. Doing it again changes nothing."""
    import asyncio

    from fixtrail.clickhouse import load_centers, migrate_clickhouse
    from fixtrail.topics import ensure_topics

    if only not in (None, "topics", "clickhouse"):
        raise Failure("--only is topics or clickhouse", USAGE)
    settings = _settings(data)
    if only != "clickhouse":
        for name in asyncio.run(ensure_topics(settings)):
            _say(f"topic {name} created")
    if only != "topics":
        for name in migrate_clickhouse(settings):
            _say(f"migration {name} applied")
        if settings.centers:
            _say(f"{load_centers(settings, settings.centers)} centers loaded")


@app.command(
    epilog="Examples:  fixtrail send events.ndjson    zcat history.gz | fixtrail send -    fixtrail send f --check"
)
def send(
    source: Annotated[Path, typer.Argument(metavar="FILE|-", help="One event a line; - reads standard input.")],
    check: Annotated[bool, typer.Option("--check", help="Only validate: what is wrong, by line number.")] = False,
    rate: Annotated[float | None, typer.Option(min=0.001, help="At most so many events per second.")] = None,
    as_json: AsJson = False,
    data: Data = None,
) -> None:
    """Send each line's bytes, unchanged, to `service-events`; the key is the line's vehicle_id where it parses.

    Exits 0 once Kafka has acknowledged every line, 1 if one was not; with --check 1 if a line is no event.
    """
    import asyncio

    from fixtrail import send as sending
    from fixtrail.progress import bytes_bar

    settings = _settings(data)
    if check:
        raise SystemExit(_check(settings, source, as_json))
    with _opened(source) as lines, bytes_bar("sending", sending.size_of(source)) as moved:
        sent = asyncio.run(sending.send_lines(settings, lines, rate=rate, moved=moved))
    if as_json:
        import orjson

        _say(orjson.dumps(sent).decode())
    else:
        pace = sent.acknowledged / sent.seconds if sent.seconds else 0.0
        _say(f"{sent.acknowledged:,} events acknowledged in {sent.seconds:.1f} s ({pace:,.0f} per second)")
        if sent.empty:
            _say(f"{sent.empty:,} empty lines skipped")
        if sent.without_key:
            _say(f"{sent.without_key:,} lines without a readable vehicle_id went without a key")
        for trace in sent.traces:
            _say(f"trace {trace}")
    if sent.too_long:
        said = ", ".join(map(str, sent.too_long[:10]))
        print(f"fixtrail: not sent, longer than 8 MiB: line {said}", file=sys.stderr)
    if sent.error:
        print(
            f"fixtrail: {sent.failed:,} events were not acknowledged and what follows them was not sent: {sent.error}. "
            "Send the file again: an event that arrives twice counts once",
            file=sys.stderr,
        )
    raise SystemExit(0 if sent.complete else NEGATIVE)


def _check(settings: "Settings", source: Path, as_json: bool) -> int:
    """Validate the lines and say what was found; the exit code."""
    from fixtrail import send as sending
    from fixtrail.progress import bytes_bar

    found = sending.Checked()
    errors = []
    with _opened(source) as lines, bytes_bar("checking", sending.size_of(source)) as moved:
        for number, error in sending.check_lines(lines, found, max_bytes=settings.max_record_bytes, moved=moved):
            if as_json:
                errors.append({"line": number, "code": error.code, "reason": error.reason})
            else:
                _say(f"line {number}: {error.code}: {error.reason}")
    if as_json:
        import orjson

        _say(orjson.dumps({**found.as_json(), "errors": errors}).decode())
        return NEGATIVE if found.bad else 0
    _say(f"{found.lines:,} lines: {found.types.total():,} events, {found.bad:,} errors, {found.empty:,} empty lines")
    for title, counts in (("", found.types), ("error ", found.codes), ("unknown field ", found.extra_fields)):
        for name, count in counts.most_common(50):
            _say(f"  {count:>10,}  {title}{name}")
    return NEGATIVE if found.bad else 0


@app.command(epilog="Example:  fixtrail send events.ndjson && fixtrail status --wait-idle 120")
def status(
    as_json: AsJson = False,
    wait_idle: Annotated[
        float | None,
        typer.Option("--wait-idle", metavar="SECONDS", help="Wait until all that was sent has reached ClickHouse."),
    ] = None,
    box: Annotated[
        list[str] | None, typer.Option(help="Also this box's health page, as its log names it.", metavar="URL")
    ] = None,
    data: Data = None,
) -> None:
    """How far every consumer group is behind, how the boxes are, how long heartbeats take, what was refused.

    With --wait-idle: exits 0 once everything sent before has reached ClickHouse, 1 at the time-out. Otherwise 1 where
    Kafka or ClickHouse does not answer; what else can be told is told.
    """
    import asyncio
    import time

    from fixtrail import overview as seeing
    from fixtrail import status as watching

    settings = _settings(data)
    late = None
    if wait_idle is not None:
        late = asyncio.run(watching.wait_idle(settings, wait_idle))
    troubles = []
    if as_json or wait_idle is None:
        before, began = [] if as_json else seeing.look_at_boxes(settings, box or ()), time.monotonic()
        seen = seeing.overview(settings, box or (), late)
        troubles = seen.troubles
        if as_json:
            import orjson

            _say(orjson.dumps(seen.as_json(), option=orjson.OPT_INDENT_2).decode())
        else:
            from fixtrail.overview_print import print_overview

            time.sleep(max(0.0, RATE_OVER_S - (time.monotonic() - began)))
            after = seeing.look_at_boxes(settings, box or ())
            print_overview(seen, seeing.rates(before, after, time.monotonic() - began), time.time())
    if late:
        raise Failure(f"not idle after {wait_idle:g} s: {watching.said_behind(late)}")
    if troubles:
        raise SystemExit(NEGATIVE)


@app.command(
    epilog='Example:  fixtrail sql "SELECT center_id, avg(wait_s) / 60 FROM orders GROUP BY 1" --format CSVWithNames'
)
def sql(
    query: Annotated[str, typer.Argument(metavar="QUERY|-", help="ClickHouse SQL; - reads it from standard input.")],
    output_format: Annotated[
        str | None, typer.Option("--format", help="Any output format of ClickHouse, such as JSONEachRow.")
    ] = None,
    data: Data = None,
) -> None:
    """Ask ClickHouse as the user who may only read the views of database `fixtrail`.

    Without --format: a table on a terminal, TabSeparatedWithNames into a pipe.
    """
    from fixtrail import sql as asking

    text = sys.stdin.read() if query == "-" else query
    settings = _settings(data)
    if output_format is None and sys.stdout.isatty():
        asking.print_table(b"".join(asking.query(settings, text, asking.TABLE_FORMAT)))
        return
    for piece in asking.query(settings, text, output_format or "TabSeparatedWithNames"):
        sys.stdout.buffer.write(piece)
    sys.stdout.buffer.flush()


@app.command(
    epilog="Examples:  fixtrail report kpi --targets examples/targets.toml    fixtrail report parts --html parts.html"
)
def report(
    name: Annotated[str | None, typer.Argument(metavar="NAME", help="Which report; --list tells them all.")] = None,
    as_json: AsJson = False,
    html: Annotated[Path | None, typer.Option(help="Write one page with everything in it.")] = None,
    csv: Annotated[Path | None, typer.Option(help="Write its tables; several go into files beside this one.")] = None,
    svg: Annotated[Path | None, typer.Option(help="Write its pictures; several go into files beside this one.")] = None,
    png: Annotated[Path | None, typer.Option(help="The same as PNG.")] = None,
    chart: Annotated[str | None, typer.Option(help="Only this picture, or the table behind it.")] = None,
    targets: Annotated[Path | None, typer.Option(metavar="FILE.toml", help="Targets, and periods to compare.")] = None,
    since: Annotated[str | None, typer.Option("--from", metavar="DAY", help="First day of handoff.")] = None,
    until: Annotated[str | None, typer.Option("--to", metavar="DAY", help="Last day of handoff, included.")] = None,
    by: Annotated[
        str | None, typer.Option(help="center, region, wave, lane, origin, group, day, week or month.")
    ] = None,
    table: Annotated[
        Path | None, typer.Option(metavar="FILE.toml", help="kpi: judge these figures instead of ClickHouse's.")
    ] = None,
    locale: Annotated[str, typer.Option(help="Language of pages and pictures: zh-CN or en.")] = "zh-CN",
    list_: Annotated[
        bool, typer.Option("--list", help="Every report and query, with the question it answers.")
    ] = False,
    data: Data = None,
) -> None:
    """Figures with their uncertainty, told on the terminal or written as JSON, page, table or picture."""
    from fixtrail.reports import command

    if list_ or name is None:
        command.list_reports(_say)
        return
    wanted = command.Wanted(as_json, html, csv, svg, png, chart, command.locale_of(locale))
    options = command.read_options(targets, since, until, by)
    raise SystemExit(command.run_report(_settings(data), name, options, wanted, _say, table))


@app.command(epilog="Example:  fixtrail facts events.ndjson --now 2026-03-02T00:00:00Z > facts.ndjson")
def facts(
    source: Annotated[Path, typer.Argument(metavar="FILE|-", help="One event a line; - reads standard input.")],
    now: Annotated[str | None, typer.Option(help="Open orders run to this time.  [default: the clock]")] = None,
    data: Data = None,
) -> None:
    """The journeys of a file of events, by the rules of the stream: one JSON line per order, named as view `orders`.

    Lines that are no event are told on stderr and make the exit code 1; the facts of all others are printed.
    """
    from fixtrail import facts as computing
    from fixtrail.progress import bytes_bar
    from fixtrail.send import size_of

    settings = _settings(data)
    keyed = computing.keyed_hash(settings)
    if keyed is None:
        print("fixtrail: no FIXTRAIL_HASH_KEY and no stack: vehicle_key and customer_key are left out", file=sys.stderr)
    bad = 0

    def refused(number: int, error: Any) -> None:
        nonlocal bad
        bad += 1
        print(f"line {number}: {error.code}: {error.reason}", file=sys.stderr)

    now_ms = computing.parse_now(now)
    with _opened(source) as lines, bytes_bar("reading", size_of(source)) as moved:
        limit = settings.max_record_bytes
        for line in computing.facts_of(lines, now_ms, keyed, refused, max_bytes=limit, moved=moved):
            sys.stdout.buffer.write(line)
    sys.stdout.buffer.flush()
    if bad:
        raise Failure(f"{bad:,} lines are no event")


@app.command(epilog="Example:  fixtrail verify --data .fixtrail")
def verify(as_json: AsJson = False, data: Data = None) -> None:
    """Recompute every order from the stored events and report every difference to view `orders`; 1 if there is one."""
    from fixtrail.verify import run_verify  # type: ignore[import-not-found,unused-ignore]

    raise SystemExit(run_verify(_settings(data), as_json=as_json))


@app.command("import", epilog="Example:  fixtrail import repair.xes.gz --mapping examples/repair.toml --dry-run")
def import_(
    log: Annotated[Path, typer.Argument(metavar="LOG", help="XES (.gz too) or CSV.")],
    mapping: Annotated[Path, typer.Option("--mapping", metavar="FILE.toml", help="Which columns become which events.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Send nothing, only report.")] = False,
    rejects: Annotated[Path | None, typer.Option(help="Write rows that made no event here, as JSON lines.")] = None,
    out: Annotated[Path | None, typer.Option(help="Write the events to this file instead of sending them.")] = None,
    as_json: AsJson = False,
    data: Data = None,
) -> None:
    """Turn a log of another system into events by a mapping file, and say what was not mapped and why.

    The event ids follow from the log, so a second import changes nothing.
    """
    from fixtrail.feeding import ImportRun, run_import

    run = ImportRun(log, mapping, dry_run, out, rejects)
    raise SystemExit(run_import(_settings(data), run, as_json=as_json, say=_say))


@app.command(
    epilog="Examples:  fixtrail simulate --seed 7 --days 30 --out events.ndjson    fixtrail simulate --speed 600"
)
def simulate(
    seed: Annotated[int, typer.Option(help="The same seed, the same events.")] = 1,
    days: Annotated[int | None, typer.Option(min=1, help="Days to play.  [default: the scenario's]")] = None,
    centers: Annotated[int | None, typer.Option(min=1, help="How many centers.  [default: the scenario's]")] = None,
    scenario: Annotated[str, typer.Option(help="A scenario's name, or a TOML file.")] = "owners-story",
    start: Annotated[str | None, typer.Option(help="Time with offset.  [default: so many days ago]")] = None,
    out: Annotated[Path | None, typer.Option(help="Write events here, - for stdout, and send none.")] = None,
    speed: Annotated[float | None, typer.Option(min=0.01, help="Send at so many times the world's pace.")] = None,
    truth: Annotated[Path | None, typer.Option(help="Also write what the run has planted, as JSON.")] = None,
    centers_out: Annotated[Path | None, typer.Option(help="Also write the centers' reference data, as TOML.")] = None,
    data: Data = None,
) -> None:
    """Play workshops: bays, technicians, parts, opening hours; all ten event types, with real feeds' anomalies.

    Events go to Kafka as fast as it takes them, or --speed times as fast as in the world, or into a file.
    """
    from fixtrail.facts import parse_time
    from fixtrail.feeding import SimulatedRun, run_simulation, write_beside

    begins = parse_time(start, "--start") if start else None
    run = SimulatedRun(scenario, seed, days, centers, begins, speed)
    write_beside(run, truth=truth, centers=centers_out)
    raise SystemExit(run_simulation(_settings(data), run, out=out, say=_say))


@letters_app.command("list", epilog="Example:  fixtrail dead-letters list --code missing_field --newest 50")
def letters_list(
    newest: Annotated[int, typer.Option(min=0, help="How many of the newest to show.")] = 20,
    code: Annotated[str | None, typer.Option(help="Only those refused for this reason.")] = None,
    as_json: AsJson = False,
    data: Data = None,
) -> None:
    """Counts by code over all dead letters, and the newest ones."""
    import asyncio

    from fixtrail import dead_letters

    listed = asyncio.run(dead_letters.list_letters(_settings(data), newest=newest, code=code))
    if as_json:
        import orjson

        _say(orjson.dumps(listed.as_json(), option=orjson.OPT_INDENT_2).decode())
    else:
        dead_letters.print_list(listed)


@letters_app.command("show", epilog="Example:  fixtrail dead-letters show 2:17 --raw > repair.json")
def letters_show(
    place: Annotated[str, typer.Argument(metavar="PARTITION:OFFSET", help="As `dead-letters list` prints it.")],
    raw: Annotated[bool, typer.Option("--raw", help="Only the original bytes, unchanged.")] = False,
    data: Data = None,
) -> None:
    """One dead letter with its content, which may be personal."""
    import asyncio

    from fixtrail import dead_letters

    letter = asyncio.run(dead_letters.letter_at(_settings(data), dead_letters.parse_place(place)))
    if raw:
        sys.stdout.buffer.write(letter.value or b"")
        sys.stdout.buffer.flush()
    else:
        dead_letters.print_letter(letter)


@letters_app.command("export", epilog="Example:  fixtrail dead-letters export --code invalid_field > letters.ndjson")
def letters_export(
    code: Annotated[str | None, typer.Option(help="Only those refused for this reason.")] = None,
    data: Data = None,
) -> None:
    """Events that were refused and not put back yet, with their content, which may be personal, as JSON lines.

    Repair `value` in each line, then put them back with `redrive --from`.
    """
    import asyncio

    from fixtrail.dead_letter_file import letter_line
    from fixtrail.dead_letters import letters_to_repair

    async def write() -> None:
        async for letter in letters_to_repair(_settings(data), code):
            sys.stdout.buffer.write(letter_line(letter))
        sys.stdout.buffer.flush()

    asyncio.run(write())


@letters_app.command(
    "redrive",
    epilog="Examples:  fixtrail dead-letters redrive 2:17 --file repaired.json    … redrive --code too_large --dry-run",
)
def letters_redrive(
    places: Annotated[list[str] | None, typer.Argument(metavar="[PARTITION:OFFSET]...")] = None,
    code: Annotated[str | None, typer.Option(help="All that were refused for this reason.")] = None,
    file: Annotated[Path | None, typer.Option(help="Repaired bytes to send in place of one letter's own.")] = None,
    source: Annotated[
        Path | None, typer.Option("--from", metavar="FILE|-", help="Repaired letters, as `export` writes them.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be sent.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Also what was put back before, or would be refused.")] = False,
    data: Data = None,
) -> None:
    """Put dead letters back to `service-events`, as they are or repaired, with their headers.

    A letter that was put back before, or whose bytes would be refused again, is passed over (exit 1) without --force.
    """
    import asyncio

    from fixtrail import dead_letters
    from fixtrail.dead_letter_file import read_repaired

    if sum(map(bool, (places, code, source))) != 1:
        raise Failure("name letters by PARTITION:OFFSET, all of one kind by --code, or repaired ones by --from", USAGE)
    if file and len(places or ()) != 1:
        raise Failure("--file holds the bytes of one letter: name exactly one PARTITION:OFFSET", USAGE)
    chosen = {dead_letters.parse_place(place) for place in places or ()}
    repaired = {place: file.read_bytes().removesuffix(b"\n") for place in chosen} if file else {}
    if source:
        with _opened(source) as lines:
            repaired = read_repaired(lines)
        chosen = set(repaired)
    done = asyncio.run(
        dead_letters.redrive_chosen(_settings(data), chosen, code, repaired, dry_run=dry_run, force=force, say=_say)
    )
    raise SystemExit(0 if done else NEGATIVE)


@notices_app.command("log", epilog="Example:  fixtrail notices log R-1001 --json")
def notices_log(
    order: Annotated[str, typer.Argument(metavar="ORDER", help="The order's id.")],
    as_json: AsJson = False,
    data: Data = None,
) -> None:
    """What was told about an order, when and by what event, or why not. Shows no address."""
    from fixtrail import notices

    settings = _settings(data)
    sends = notices.log_of(settings, order)
    if as_json:
        _say_json(notices.log_as_json(sends))
    else:
        notices.print_log(order, sends, notices.push_settings(settings).time_zone)


@notices_app.command("preview", epilog="Example:  fixtrail notices preview R-1001 --locale en")
def notices_preview(
    order: Annotated[str, typer.Argument(metavar="ORDER", help="The order's id.")],
    locale: Annotated[str | None, typer.Option(help="`zh-CN` or `en` instead of the customer's own.")] = None,
    every: Annotated[bool, typer.Option("--all", help="Also what the order has not come to yet.")] = False,
    as_json: AsJson = False,
    data: Data = None,
) -> None:
    """Everything that the order's milestones would have its customer read. Sends nothing."""
    from fixtrail import preview

    if locale not in (None, "zh-CN", "en"):
        raise Failure("--locale is zh-CN or en", USAGE)
    found = preview.preview(_settings(data), order, locale, every=every)
    if as_json:
        _say_json(preview.preview_as_json(found))
    else:
        preview.print_preview(found)


@notices_app.command(
    "consent",
    epilog="Examples:  fixtrail notices consent sms:+8613800000000 --opt-out    … wechat:OPENID --add TEMPLATE=3",
)
def notices_consent(
    address: Annotated[str, typer.Argument(metavar="ADDRESS", help="As it stands in check_in's contact.")],
    opted_out: Annotated[
        bool | None, typer.Option("--opt-out/--opt-in", help="Nothing more, or again, to this address.")
    ] = None,
    only: Annotated[str | None, typer.Option(help="Only these milestones, by comma; `all` for all of them.")] = None,
    time_zone: Annotated[str | None, typer.Option(help="Where the customer's quiet hours are counted.")] = None,
    add: Annotated[str | None, typer.Option(metavar="KIND=N", help="Agreed to N more messages of a kind.")] = None,
    data: Data = None,
) -> None:
    """What a customer agrees to, by address; with options, changes it. Only a keyed hash of the address is kept."""
    from fixtrail import notices

    change = notices.Consent(
        opted_out=opted_out,
        milestones=notices.parse_milestones(only) if only and only != "all" else None,
        all_milestones=only == "all",
        time_zone=time_zone,
        add=dict([notices.parse_consents(add)]) if add else {},
    )
    _say_json(notices.change_consent(_settings(data), address, change))


@notices_app.command("webhook-secret", epilog="Example:  fixtrail notices webhook-secret https://crm.example.com/in")
def notices_webhook_secret(
    url: Annotated[str, typer.Argument(metavar="URL", help="Where the receiver listens.")], data: Data = None
) -> None:
    """The secret with which one receiver checks our signatures; no other receiver has the same."""
    from fixtrail import notices

    _say(notices.webhook_secret(_settings(data), url))


@notices_app.command("vapid-key", epilog="Example:  fixtrail notices vapid-key")
def notices_vapid_key() -> None:
    """A fresh pair of keys for Web Push: keep the private one, the pages get the public one."""
    from fixtrail import notices

    private, public = notices.vapid_keys()
    _say(f"private {private}\npublic  {public}")


@tracking_app.command("link", epilog="Example:  fixtrail tracking link R-1001 --days 30")
def tracking_link(
    order: Annotated[str, typer.Argument(metavar="ORDER", help="The order's id.")],
    days: Annotated[int, typer.Option(min=1, max=3650, help="For how long it opens the page.")] = 90,
    data: Data = None,
) -> None:
    """A link that opens the page of one order; whoever has it sees that order and nothing else."""
    from fixtrail.web.tracking.command import link_of

    _say(link_of(_settings(data), order, days))


@tracking_app.command("revoke", epilog="Example:  fixtrail tracking revoke R-1001")
def tracking_revoke(
    order: Annotated[str, typer.Argument(metavar="ORDER", help="The order's id.")],
    data: Data = None,
) -> None:
    """Make every link of an order void that was issued until now; `tracking link` issues new ones."""
    from fixtrail.web.tracking.command import revoke

    revoke(_settings(data), order)
    _say(f"the links of order {order} issued until now open nothing any more")


@alerts_app.command("list", epilog="Example:  fixtrail alerts list --center east-01 --json")
def alerts_list(
    state: Annotated[str, typer.Option(help="`open`, `acknowledged`, `closed`, or `all`.")] = "open",
    center: Annotated[str | None, typer.Option(help="Only those of this center.")] = None,
    rule: Annotated[str | None, typer.Option(help="Only those of this rule.")] = None,
    as_json: AsJson = False,
    data: Data = None,
) -> None:
    """The alerts as they are now, the oldest first."""
    from fixtrail.watch import command

    raise SystemExit(command.list_alerts(_settings(data), state, center, rule, as_json=as_json))


@alerts_app.command("show", epilog="Example:  fixtrail alerts show 3f0c9a1b2d4e5f60718293a4b5c6d7e8")
def alerts_show(
    alert: Annotated[str, typer.Argument(metavar="ALERT", help="Its id, or as much of it as no other has.")],
    data: Data = None,
) -> None:
    """One alert with all that became of it, as JSON."""
    from fixtrail.watch import command

    raise SystemExit(command.show_alert(_settings(data), alert))


@alerts_app.command("ack", epilog='Example:  fixtrail alerts ack 3f0c9a1b --by "Li Wei" --note "parts come at 15:00"')
def alerts_ack(
    alert: Annotated[str, typer.Argument(metavar="ALERT", help="Its id, or as much of it as no other has.")],
    by: Annotated[str, typer.Option(help="Who takes care of it.")],
    note: Annotated[str | None, typer.Option(help="What is being done.")] = None,
    data: Data = None,
) -> None:
    """Close an alert because somebody takes care of it. It is not opened again for the same cause."""
    from fixtrail.watch import command

    raise SystemExit(command.acknowledge_alert(_settings(data), alert, by, note))


@centers_app.command("load", epilog="Example:  fixtrail centers load examples/centers.toml")
def centers_load(
    file: Annotated[Path, typer.Argument(metavar="FILE.toml", help="Name, region, wave, time zone, hours per center.")],
    data: Data = None,
) -> None:
    """Make the centers of a file the ones that ClickHouse knows; an earlier list is replaced as a whole."""
    from fixtrail.clickhouse import load_centers

    _say(f"{load_centers(_settings(data), file)} centers loaded")


@app.command(epilog="Example:  fixtrail contracts --check")
def contracts(
    write: Annotated[bool, typer.Option("--write", help="Write docs/schemas, asyncapi.yaml and openapi.json.")] = False,
    check: Annotated[bool, typer.Option("--check", help="Exit 1 if they are not what the models say.")] = False,
    root: Annotated[Path, typer.Option(help="Root of the source tree.")] = Path(),
) -> None:
    """The JSON Schema, AsyncAPI and OpenAPI documents of everything that crosses a process border, from the models."""
    from fixtrail.contracts import stale_documents, write_documents

    if write == check:
        raise Failure("say --write or --check", USAGE)
    if write:
        for path in write_documents(root / "docs"):
            _say(f"{path} written")
        return
    if stale := stale_documents(root / "docs"):
        raise Failure(f"not as the models say: {', '.join(map(str, stale))}. Run `fixtrail contracts --write`")


@app.command(epilog="Example:  make demo   or   fixtrail demo --once")
def demo(
    once: Annotated[bool, typer.Option("--once", help="End after the summary instead of staying up.")] = False,
    data: Annotated[Path, typer.Option("--data", help="Folder of the demo's own stack, emptied first.")] = Path(
        ".fixtrail-demo"
    ),
    days: Annotated[int, typer.Option(min=1, max=60, help="Simulated days.")] = 1,
    centers: Annotated[int | None, typer.Option(min=1, max=200, help="Simulated centers.  [default: 6]")] = None,
    seed: Annotated[int, typer.Option(help="Another seed, another day.")] = 1,
) -> None:
    """The whole stack with a simulated day played fast, live in the terminal, and a summary."""
    from fixtrail.demo import run_demo

    raise SystemExit(run_demo(data, once=once, days=days, centers=centers, seed=seed))


if __name__ == "__main__":
    main()


@users_app.command(
    "add",
    epilog="Examples:  fixtrail users add lin --role manager --center east-01    … add wall --all-centers --screen",
)
def users_add(
    name: Annotated[str, typer.Argument(help="Lower-case letters, digits and . _ @ -")],
    role: Annotated[str, typer.Option(help="viewer, manager or admin.")] = "viewer",
    center: Annotated[list[str] | None, typer.Option(help="A center it may see; repeatable.")] = None,
    all_centers: Annotated[bool, typer.Option("--all-centers", help="It may see all centers.")] = False,
    screen: Annotated[bool, typer.Option("--screen", help="A viewer on a wall: no idle sign-out.")] = False,
    replace: Annotated[bool, typer.Option("--replace", help="Change the account of this name.")] = False,
    stdin: Annotated[bool, typer.Option("--stdin", help="Read the password from standard input.")] = False,
    data: Data = None,
) -> None:
    """Add an account to the file that FIXTRAIL_USERS names; a running board knows it at once."""
    from fixtrail.web.accounts import command

    centers = ["*"] if all_centers else center or []
    file = command.add_user(_settings(data), name, role, centers, screen=screen, replace=replace, from_stdin=stdin)
    _say(f"{name} may sign in ({file})")


@keys_app.command(
    "add", epilog="Example:  fixtrail api-keys add dms-east --scope events:write --center east-01 --center east-02"
)
def keys_add(
    source: Annotated[str, typer.Argument(help="Which system the key is for.")],
    scope: Annotated[
        list[str] | None,
        typer.Option(help="events:write, consents:write, orders:read, centers:read, personal:read; may be repeated."),
    ] = None,
    type_: Annotated[list[str] | None, typer.Option("--type", help="Only events of these types.")] = None,
    center: Annotated[list[str] | None, typer.Option(help="Only events and orders of these centers.")] = None,
    per_minute: Annotated[
        int | None, typer.Option(min=1, help="Events a minute, instead of FIXTRAIL_API_EVENTS_PER_MINUTE.")
    ] = None,
    expires: Annotated[str | None, typer.Option(help="Time with offset from which on it is refused.")] = None,
    data: Data = None,
) -> None:
    """Make a key and print it: only now, of its secret nothing but a hash is kept. Servers know it at once."""
    from fixtrail.facts import parse_time
    from fixtrail.web.api import command

    text, key = command.add_key(
        _settings(data),
        source,
        scopes=scope or (),
        types=type_ or (),
        centers=center or (),
        events_per_minute=per_minute,
        expires_at=parse_time(expires, "--expires") if expires else None,
    )
    print(f"key {key.id} of {source}: {', '.join(sorted(key.scopes))}. It is not shown again:", file=sys.stderr)
    _say(text)


@keys_app.command("list", epilog="Example:  fixtrail api-keys list --json")
def keys_list(as_json: AsJson = False, data: Data = None) -> None:
    """Every key: id, source, what it allows, and whether it is valid."""
    from fixtrail.web.api import command

    found = command.list_keys(_settings(data))
    if as_json:
        _say_json(found)
    else:
        command.print_keys(found)


@keys_app.command("revoke", epilog="Example:  fixtrail api-keys revoke 0f3a9c1e77d2")
def keys_revoke(
    key_id: Annotated[str, typer.Argument(metavar="ID", help="As `fixtrail api-keys list` shows it.")],
    data: Data = None,
) -> None:
    """Let a key be refused; servers do so from their next request on."""
    from fixtrail.web.api import command

    key = command.revoke_key(_settings(data), key_id)
    _say(f"key {key.id} of {key.source} is refused from now on")


@users_app.command("list", epilog="Example:  fixtrail users list --json")
def users_list(as_json: AsJson = False, data: Data = None) -> None:
    """The accounts of the file: role and centers of each."""
    from fixtrail.web.accounts import command

    found = command.list_users(_settings(data))
    if as_json:
        _say_json(found)
    else:
        command.print_users(found)


@users_app.command("remove", epilog="Example:  fixtrail users remove lin")
def users_remove(name: str, data: Data = None) -> None:
    """Remove an account; its sessions end at once."""
    from fixtrail.web.accounts import command

    _say(f"{name} may no longer sign in ({command.remove_user(_settings(data), name)})")


@users_app.command("hash", epilog="Example:  fixtrail users hash --stdin < password.txt")
def users_hash(
    stdin: Annotated[bool, typer.Option("--stdin", help="Read the password from standard input.")] = False,
) -> None:
    """The hash of a password, for a file or environment that something else writes."""
    from fixtrail.web.accounts import command

    _say(command.hash_of(from_stdin=stdin))
