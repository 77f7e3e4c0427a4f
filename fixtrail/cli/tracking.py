"""The command `fixtrail`. Each command imports what it needs when it is called, so that `--help` is quick."""

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    pass
from fixtrail.cli.app import Data, say, settings_of

tracking_app = typer.Typer(help="Links to the customers' tracking pages.", no_args_is_help=True)


@tracking_app.command("link", epilog="Example:  fixtrail tracking link R-1001 --days 30")
def tracking_link(
    order: Annotated[str, typer.Argument(metavar="ORDER", help="The order's id.")],
    days: Annotated[int, typer.Option(min=1, max=3650, help="For how long it opens the page.")] = 90,
    data: Data = None,
) -> None:
    """A link that opens the page of one order; whoever has it sees that order and nothing else."""
    from fixtrail.customers.links import link_of

    say(link_of(settings_of(data), order, days))


@tracking_app.command("revoke", epilog="Example:  fixtrail tracking revoke R-1001")
def tracking_revoke(
    order: Annotated[str, typer.Argument(metavar="ORDER", help="The order's id.")],
    data: Data = None,
) -> None:
    """Make every link of an order void that was issued until now; `tracking link` issues new ones."""
    from fixtrail.customers.links import revoke

    revoke(settings_of(data), order)
    say(f"the links of order {order} issued until now open nothing any more")
