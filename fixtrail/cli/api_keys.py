"""The command `fixtrail`. Each command imports what it needs when it is called, so that `--help` is quick."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from fixtrail.cli.app import AsJson, Data, say, say_json, settings_of
from runtime.failure import USAGE, ExitError

keys_app = typer.Typer(help="Keys with which other systems send events and read orders.", no_args_is_help=True)


@keys_app.command(
    "add",
    epilog="Examples:  fixtrail api-keys add dms-east --scope events:write --center east-01 --center east-02    "
    "fixtrail api-keys add dms-east --test",
)
def keys_add(
    source: Annotated[str, typer.Argument(help="Which system the key is for.")],
    scope: Annotated[
        list[str] | None,
        typer.Option(
            help="events:write, consents:write, orders:read, centers:read, figures:read, personal:read; repeatable."
        ),
    ] = None,
    type_: Annotated[list[str] | None, typer.Option("--type", help="Only events of these types.")] = None,
    center: Annotated[list[str] | None, typer.Option(help="Only events and orders of these centers.")] = None,
    per_minute: Annotated[
        int | None, typer.Option(min=1, help="Events a minute, instead of FIXTRAIL_API_EVENTS_PER_MINUTE.")
    ] = None,
    expires: Annotated[str | None, typer.Option(help="Time with offset from which on it is refused.")] = None,
    test: Annotated[
        bool, typer.Option("--test", help="A test key: all is checked and answered as usual, nothing is written.")
    ] = False,
    data: Data = None,
) -> None:
    """Make a key and print it: only now, of its secret nothing but a hash is kept. Servers know it at once."""
    from fixtrail.recompute.facts import parse_time
    from fixtrail.web.api import command

    text, key = command.add_key(
        settings_of(data),
        source,
        scopes=scope or (),
        types=type_ or (),
        centers=center or (),
        events_per_minute=per_minute,
        expires_at=parse_time(expires, "--expires") if expires else None,
        test=test,
    )
    kind = "test key" if test else "key"
    print(f"{kind} {key.id} of {source}: {', '.join(sorted(key.scopes))}. It is not shown again:", file=sys.stderr)
    if key.centers and "consents:write" in key.scopes:
        print("consents:write does nothing with --center: consents hold at whatever center", file=sys.stderr)
    say(text)


@keys_app.command("list", epilog="Example:  fixtrail api-keys list --json")
def keys_list(as_json: AsJson = False, data: Data = None) -> None:
    """Every key: id, source, what it allows, and whether it is valid."""
    from fixtrail.web.api import command

    keys = command.list_keys(settings_of(data))
    if as_json:
        say_json(keys)
    else:
        command.print_keys(keys)


@keys_app.command("revoke", epilog="Example:  fixtrail api-keys revoke 0f3a9c1e77d2")
def keys_revoke(
    key_id: Annotated[str, typer.Argument(metavar="ID", help="As `fixtrail api-keys list` shows it.")],
    data: Data = None,
) -> None:
    """Let a key be refused; servers do so from their next request on."""
    from fixtrail.web.api import command

    key = command.revoke_key(settings_of(data), key_id)
    say(f"key {key.id} of {key.source} is refused from now on")


@keys_app.command(
    "log", epilog="Examples:  fixtrail api-keys log 0f3a9c1e77d2 --hours 2    fixtrail api-keys log --refused --json"
)
def keys_log(
    key_id: Annotated[str | None, typer.Argument(metavar="[ID]", help="Only this key; default: all.")] = None,
    hours: Annotated[int, typer.Option(min=1, help="So many hours back.")] = 24,
    status: Annotated[int | None, typer.Option(min=100, max=599, help="Only answers with this status.")] = None,
    problem: Annotated[str | None, typer.Option(help="Only this problem: refused, rate-limited …")] = None,
    event_id: Annotated[str | None, typer.Option(help="Only requests with this event.")] = None,
    refused: Annotated[bool, typer.Option("--refused", help="Only those of which something was refused.")] = False,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="So many requests at most.")] = 100,
    csv: Annotated[Path | None, typer.Option(metavar="FILE", help="One line an event; - for stdout.")] = None,
    as_json: AsJson = False,
    data: Data = None,
) -> None:
    """What a key sent and how it was answered: status, problem, event ids. No content of any event is kept."""
    from fixtrail.web.api import log_command

    if as_json and csv is not None and str(csv) == "-":
        raise ExitError("--json and --csv - both write to stdout", USAGE)
    query = log_command.LogFilter(key_id, hours, status, problem, event_id, refused, limit)
    requests = log_command.read_log(settings_of(data), query)
    if csv is not None:
        log_command.write_csv(requests, csv)
    if as_json:
        say_json(requests)
    elif csv is None:
        log_command.print_log(requests)
