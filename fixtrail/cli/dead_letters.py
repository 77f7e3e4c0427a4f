"""The command `fixtrail`. Each command imports what it needs when it is called, so that `--help` is quick."""

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from runtime.failure import NEGATIVE, USAGE, ExitError

if TYPE_CHECKING:
    from schemas.event_topics import EventTopic
from fixtrail.cli.app import AsJson, Data, open_input, say, settings_of

Reference = Annotated[bool, typer.Option("--reference", help="Those of reference events, not of orders.")]

dead_letters_app = typer.Typer(help="What was refused and why, and putting it back.", no_args_is_help=True)


@dead_letters_app.command("list", epilog="Example:  fixtrail dead-letters list --code missing_field --newest 50")
def dead_letters_list(
    newest: Annotated[int, typer.Option(min=0, help="How many of the newest to show.")] = 20,
    code: Annotated[str | None, typer.Option(help="Only those refused for this reason.")] = None,
    reference: Reference = False,
    as_json: AsJson = False,
    data: Data = None,
) -> None:
    """Counts by code over all dead letters, and the newest ones."""
    import asyncio

    from fixtrail.operations import dead_letters

    listed = asyncio.run(
        dead_letters.list_letters(settings_of(data), newest=newest, code=code, topic=_topic(reference))
    )
    if as_json:
        import orjson

        say(orjson.dumps(listed.as_json(), option=orjson.OPT_INDENT_2).decode())
    else:
        dead_letters.print_list(listed)


@dead_letters_app.command("show", epilog="Example:  fixtrail dead-letters show 2:17 --raw > repair.json")
def dead_letters_show(
    position_text: Annotated[str, typer.Argument(metavar="PARTITION:OFFSET", help="As `dead-letters list` prints it.")],
    raw: Annotated[bool, typer.Option("--raw", help="Only the event's bytes, to be repaired.")] = False,
    reference: Reference = False,
    data: Data = None,
) -> None:
    """One dead letter with its content, which may be personal: as it was sent, if its sealed fields can be read."""
    import asyncio

    from fixtrail.operations import dead_letters
    from fixtrail.sealing import opener_of
    from fixtrail.terminal.printable import write_stdout

    position, settings = dead_letters.parse_position(position_text), settings_of(data)
    letter = asyncio.run(dead_letters.letter_at(settings, position, _topic(reference)))
    letter = replace(letter, value=opener_of(settings)(letter.value))
    if raw:
        write_stdout(letter.value or b"")
        sys.stdout.flush()
    else:
        dead_letters.print_letter(letter)


@dead_letters_app.command(
    "export", epilog="Example:  fixtrail dead-letters export --code invalid_field > letters.ndjson"
)
def dead_letters_export(
    code: Annotated[str | None, typer.Option(help="Only those refused for this reason.")] = None,
    reference: Reference = False,
    data: Data = None,
) -> None:
    """Events that were refused and not put back yet, with their content, which may be personal, as JSON lines.

    Sealed fields are as they were sent, if they can be read. Repair `value` in each line, then put them back with
    `redrive --from`, which seals them again.
    """
    import asyncio

    from fixtrail.operations.dead_letter_file import letter_line
    from fixtrail.operations.dead_letters import letters_to_repair
    from fixtrail.sealing import opener_of
    from fixtrail.terminal.printable import write_stdout

    async def write() -> None:
        async for letter in letters_to_repair(settings, code, _topic(reference)):
            write_stdout(letter_line(replace(letter, value=open_sealed(letter.value))))
        sys.stdout.flush()

    settings = settings_of(data)
    open_sealed = opener_of(settings)
    asyncio.run(write())


@dead_letters_app.command(
    "redrive",
    epilog="Examples:  fixtrail dead-letters redrive 2:17 --file repaired.json    … redrive --code too_large --dry-run",
)
def dead_letters_redrive(
    places: Annotated[list[str] | None, typer.Argument(metavar="[PARTITION:OFFSET]...")] = None,
    code: Annotated[str | None, typer.Option(help="All that were refused for this reason.")] = None,
    file: Annotated[Path | None, typer.Option(help="Repaired bytes to send in place of one letter's own.")] = None,
    source: Annotated[
        Path | None, typer.Option("--from", metavar="FILE|-", help="Repaired letters, as `export` writes them.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be sent.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Also what was put back before, or would be refused.")] = False,
    reference: Reference = False,
    data: Data = None,
) -> None:
    """Put dead letters back to the topic they come from, as they are or repaired, with their headers.

    A letter that was put back before, or whose bytes would be refused again, is passed over (exit 1) without --force.
    """
    import asyncio

    from fixtrail.operations import dead_letters
    from fixtrail.operations.dead_letter_file import read_repaired

    if sum(map(bool, (places, code, source))) != 1:
        raise ExitError("name letters by PARTITION:OFFSET, all of a kind by --code, or repaired ones by --from", USAGE)
    if file and len(places or ()) != 1:
        raise ExitError("--file holds the bytes of one letter: name exactly one PARTITION:OFFSET", USAGE)
    named = {dead_letters.parse_position(position) for position in places or ()}
    repaired = {position: file.read_bytes().removesuffix(b"\n") for position in named} if file else {}
    if source:
        with open_input(source) as lines:
            repaired = read_repaired(lines)
        named = set(repaired)
    settings = settings_of(data)
    is_complete = asyncio.run(
        dead_letters.redrive_chosen(
            settings,
            named,
            code,
            repaired,
            max_bytes=settings.max_record_bytes,
            dry_run=dry_run,
            force=force,
            say=say,
            topic=_topic(reference),
        )
    )
    raise SystemExit(0 if is_complete else NEGATIVE)


def _topic(reference: bool) -> "EventTopic":
    from schemas.event_topics import REFERENCE, SERVICE

    return REFERENCE if reference else SERVICE
