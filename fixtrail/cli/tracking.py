"""The command `fixtrail`. Each command imports what it needs when it is called, so that `--help` is quick."""

from typing import Annotated

import typer

from fixtrail.cli.app import Data, OfCenter, say, settings_of

tracking_app = typer.Typer(help="Links to the customers' tracking pages.", no_args_is_help=True)


@tracking_app.command("link", epilog="Example:  fixtrail tracking link R-1001 --days 30")
def tracking_link(
    order: Annotated[str, typer.Argument(metavar="ORDER", help="The order's id.")],
    days: Annotated[int, typer.Option(min=1, max=3650, help="For how long it opens the page.")] = 90,
    center: OfCenter = None,
    data: Data = None,
) -> None:
    """A link that opens the page of one order; whoever has it sees that order and nothing else."""
    from fixtrail.customers.links import link_of
    from fixtrail.customers.orders import order_fact

    settings = settings_of(data)
    fact = order_fact(settings, order, center)
    say(link_of(settings, fact.order, fact.vehicle_id, days))


@tracking_app.command("revoke", epilog="Example:  fixtrail tracking revoke R-1001")
def tracking_revoke(
    order: Annotated[str, typer.Argument(metavar="ORDER", help="The order's id.")],
    center: OfCenter = None,
    data: Data = None,
) -> None:
    """Make every link of an order void that was issued until now; `tracking link` issues new ones."""
    from fixtrail.customers.links import revoke
    from fixtrail.customers.orders import order_fact
    from schemas.order_key import OrderKey

    settings = settings_of(data)
    revoke(settings, OrderKey(center, order) if center else order_fact(settings, order).order)
    say(f"the links of order {order} issued until now open nothing any more")
