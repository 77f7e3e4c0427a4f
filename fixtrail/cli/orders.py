"""`fixtrail orders`: mending what upstream got wrong about an order."""

import asyncio
from typing import Annotated

import typer

from fixtrail.cli.app import AsJson, Data, say, say_json, settings_of

orders_app = typer.Typer(help="Mend what upstream got wrong about an order.", no_args_is_help=True)


@orders_app.command(
    "correct-vehicle",
    epilog="Example:  fixtrail orders correct-vehicle RO-77 --center east-01 --wrong VTYPO --right VRIGHT --dry-run",
)
def correct_vehicle(
    order: Annotated[str, typer.Argument(metavar="ORDER", help="The order's number.")],
    center: Annotated[str, typer.Option("--center", metavar="ID", help="The center that gave the number.")],
    wrong: Annotated[str, typer.Option("--wrong", metavar="ID", help="The vehicle that the first events name.")],
    right: Annotated[str, typer.Option("--right", metavar="ID", help="The vehicle that it is.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Send nothing, only say what would be.")] = False,
    as_json: AsJson = False,
    data: Data = None,
) -> None:
    """Move an order's events to the right vehicle; under the wrong one it counts nowhere any more.

    The customer is not told again what was told before. Giving the command twice changes nothing more.
    """
    from dataclasses import asdict

    from fixtrail.operations.correct_vehicle import correct_vehicle as correct
    from schemas.order_key import OrderKey

    done = asyncio.run(correct(settings_of(data), OrderKey(center, order), wrong, right, dry_run=dry_run))
    if as_json:
        say_json(asdict(done))
        return
    verb = "would be sent" if dry_run else "sent"
    say(f"{done.moved} events {verb} under vehicle {right}, which had {done.already} of them; {wrong} counts no more")
