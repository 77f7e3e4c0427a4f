"""The command `fixtrail`. Each command imports what it needs when it is called, so that `--help` is quick."""

from pathlib import Path
from typing import Annotated

import typer

from fixtrail.cli.app import Data, say, settings_of

centers_app = typer.Typer(help="Reference data of the service centers.", no_args_is_help=True)


@centers_app.command("load", epilog="Example:  fixtrail centers load examples/centers.toml")
def centers_load(
    file: Annotated[Path, typer.Argument(metavar="FILE.toml", help="Name, region, wave, time zone, hours per center.")],
    data: Data = None,
) -> None:
    """Make the centers of a file the ones that ClickHouse knows; an earlier list is replaced as a whole.

    Boxes read the file that FIXTRAIL_CENTERS names. Those of `fixtrail up` without one get a copy of this file.
    """
    from fixtrail.clickhouse.admin import load_centers
    from fixtrail.configuration import hand_to_boxes

    settings = settings_of(data)
    say(f"{load_centers(settings, file)} centers loaded")
    say(hand_to_boxes(settings, file))
