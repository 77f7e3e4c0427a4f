"""The command `fixtrail`. Each command imports what it needs when it is called, so that `--help` is quick."""

from typing import Annotated

import typer

from fixtrail.cli.app import AsJson, Data, settings_of

alerts_app = typer.Typer(help="What the staff must look at, and taking care of it.", no_args_is_help=True)


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

    raise SystemExit(command.list_alerts(settings_of(data), state, center, rule, as_json=as_json))


@alerts_app.command("show", epilog="Example:  fixtrail alerts show 3f0c9a1b2d4e5f60718293a4b5c6d7e8")
def alerts_show(
    alert: Annotated[str, typer.Argument(metavar="ALERT", help="Its id, or as much of it as no other has.")],
    data: Data = None,
) -> None:
    """One alert with all that became of it, as JSON."""
    from fixtrail.watch import command

    raise SystemExit(command.show_alert(settings_of(data), alert))


@alerts_app.command("ack", epilog='Example:  fixtrail alerts ack 3f0c9a1b --by "Li Wei" --note "parts come at 15:00"')
def alerts_ack(
    alert: Annotated[str, typer.Argument(metavar="ALERT", help="Its id, or as much of it as no other has.")],
    by: Annotated[str, typer.Option(help="Who takes care of it.")],
    note: Annotated[str | None, typer.Option(help="What is being done.")] = None,
    data: Data = None,
) -> None:
    """Close an alert because somebody takes care of it. It is not opened again for the same cause."""
    from fixtrail.watch import command

    raise SystemExit(command.acknowledge_alert(settings_of(data), alert, by, note))
