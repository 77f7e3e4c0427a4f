"""The command `fixtrail`. Each command imports what it needs when it is called, so that `--help` is quick."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    pass
from fixtrail.cli.app import Data, say, settings_of

centers_app = typer.Typer(help="Reference data of the service centers.", no_args_is_help=True)


@centers_app.command("load", epilog="Example:  fixtrail centers load examples/centers.toml")
def centers_load(
    file: Annotated[Path, typer.Argument(metavar="FILE.toml", help="Name, region, wave, time zone, hours per center.")],
    data: Data = None,
) -> None:
    """Make the centers of a file the ones that ClickHouse knows; an earlier list is replaced as a whole."""
    from fixtrail.clickhouse.admin import load_centers

    say(f"{load_centers(settings_of(data), file)} centers loaded")
