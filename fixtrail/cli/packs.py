"""`fixtrail pack`: packs of reports that were told, and whether their numbers still hold."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from fixtrail.cli.app import AsJson, Data, locale_of, say, say_json, settings_of
from runtime.failure import USAGE, ExitError

pack_app = typer.Typer(help="Packs of reports that were told; `fixtrail report pack` makes them.", no_args_is_help=True)


@pack_app.command("verify", epilog="Example:  fixtrail pack verify pack-week-2026-07-12/pack.json")
def pack_verify(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A pack.json.")],
    targets: Annotated[Path | None, typer.Option(metavar="FILE.toml", help="The targets it was made with.")] = None,
    file_only: Annotated[bool, typer.Option("--file-only", help="Look at the file alone, not at ClickHouse.")] = False,
    as_json: AsJson = False,
    data: Data = None,
) -> None:
    """Do the numbers of a pack still hold? Exits 0 where they do, or were restated by events since; 1 where not."""
    from fixtrail.packs.command import verify_pack

    raise SystemExit(verify_pack(settings_of(data), file, targets, say, file_only=file_only, as_json=as_json))


@pack_app.command("log", epilog="Example:  fixtrail pack log --json")
def pack_log(as_json: AsJson = False, data: Data = None) -> None:
    """Which packs the reports box sent where, the newest first, and what became of each."""
    from dataclasses import asdict

    from fixtrail.schedules.ledger import all_sends, opened_ledger

    with opened_ledger(settings_of(data).ledger_dsn()) as store:
        sends = all_sends(store)
    if as_json:
        say_json([asdict(send) for send in sends])
        return
    for send in sends:
        say(f"{send.until} {send.state:<8} {send.schedule} {send.channel} {send.sha256[:12]} {send.reason}".rstrip())
    if not sends:
        say("nothing was sent yet")


def run_pack(
    more: list[str],
    period: str | None,
    end: str | None,
    out: Path | None,
    dry_run: bool,
    pdf: bool,
    as_json: bool,
    locale: str,
    targets: Path | None,
    table: Path | None,
    data: Path | None,
    unused: Mapping[str, Any],
) -> None:
    """What `fixtrail report pack` does. Raises ExitError for options that do not go together."""
    from fixtrail.packs.command import PackCommand, make_pack

    if names := [name for name, value in unused.items() if value is not None]:
        raise ExitError(f"{', '.join(names)} does not go with report pack", USAGE)
    if more:
        _verify(more, targets, as_json, data)
        return
    if period is None:
        raise ExitError("report pack needs --period week or --period month", USAGE)
    command = PackCommand(period, end, out, locale_of(locale), dry_run, pdf, as_json, targets, table)
    raise SystemExit(make_pack(settings_of(data), command, say))


def _verify(words: list[str], targets: Path | None, as_json: bool, data: Path | None) -> None:
    if len(words) != 2 or words[0] != "verify":
        raise ExitError("report pack takes nothing but: verify FILE", USAGE)
    pack_verify(Path(words[1]), targets, False, as_json, data)
