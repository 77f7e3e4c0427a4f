"""The command `fixtrail`. Each command imports what it needs when it is called, so that `--help` is quick."""

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from fixtrail.cli.app import app, say
from runtime.failure import USAGE, ExitError


@app.command(epilog="Example:  fixtrail contracts --check")
def contracts(
    write: Annotated[bool, typer.Option("--write", help="Write docs/schemas, asyncapi.yaml and openapi.json.")] = False,
    check: Annotated[bool, typer.Option("--check", help="Exit 1 if they are not what the models say.")] = False,
    root: Annotated[Path, typer.Option(help="Root of the source tree.")] = Path(),
) -> None:
    """The JSON Schema, AsyncAPI and OpenAPI documents of everything that crosses a process border, from the models."""
    from fixtrail.documents.write import stale_documents, write_documents

    if write == check:
        raise ExitError("say --write or --check", USAGE)
    if write:
        for path in write_documents(root / "docs"):
            say(f"{path} written")
        return
    if stale := stale_documents(root / "docs"):
        raise ExitError(f"not as the models say: {', '.join(map(str, stale))}. Run `fixtrail contracts --write`")


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
    from fixtrail.all_settings import read_settings
    from fixtrail.demo.run import run_demo

    # The environment may name other servers; the demo has its own.
    own = partial(read_settings, data=data, kafka=None, clickhouse=None)
    raise SystemExit(run_demo(data, own, once=once, days=days, centers=centers, seed=seed))
