"""The command `fixtrail`. Each command imports what it needs when it is called, so that `--help` is quick."""

from typing import Annotated

import typer

from fixtrail.cli.app import AsJson, Data, say, say_json, settings_of

users_app = typer.Typer(help="Accounts of the ops board and the analysis pages.", no_args_is_help=True)


@users_app.command(
    "add",
    epilog="Examples:  fixtrail users add lin --role manager --center east-01    … add wall --all-centers --screen",
)
def users_add(
    name: Annotated[str, typer.Argument(help="Lower-case letters, digits and . _ @ -")],
    role: Annotated[str, typer.Option(help="viewer, quality, manager or admin.")] = "viewer",
    center: Annotated[list[str] | None, typer.Option(help="A center it may see; repeatable.")] = None,
    all_centers: Annotated[bool, typer.Option("--all-centers", help="It may see all centers.")] = False,
    screen: Annotated[bool, typer.Option("--screen", help="A viewer on a wall: no idle sign-out.")] = False,
    replace: Annotated[bool, typer.Option("--replace", help="Change the account of this name.")] = False,
    stdin: Annotated[bool, typer.Option("--stdin", help="Read the password from standard input.")] = False,
    data: Data = None,
) -> None:
    """Add an account to the file that FIXTRAIL_USERS names; a running board knows it at once."""
    from fixtrail.web.accounts import command

    centers = ["*"] if all_centers else center or []
    file = command.add_user(settings_of(data), name, role, centers, screen=screen, replace=replace, from_stdin=stdin)
    say(f"{name} may sign in ({file})")


@users_app.command("list", epilog="Example:  fixtrail users list --json")
def users_list(as_json: AsJson = False, data: Data = None) -> None:
    """The accounts of the file: role and centers of each."""
    from fixtrail.web.accounts import command

    accounts = command.list_users(settings_of(data))
    if as_json:
        say_json(accounts)
    else:
        command.print_users(accounts)


@users_app.command("remove", epilog="Example:  fixtrail users remove lin")
def users_remove(name: str, data: Data = None) -> None:
    """Remove an account; its sessions end at once."""
    from fixtrail.web.accounts import command

    say(f"{name} may no longer sign in ({command.remove_user(settings_of(data), name)})")


@users_app.command("forget-second-factor", epilog="Example:  fixtrail users forget-second-factor lin")
def users_forget_second_factor(name: str, data: Data = None) -> None:
    """Remove the second factor of somebody who has lost device and recovery codes; the sessions end at once."""
    from fixtrail.web.accounts import command

    say(f"{name} may sign in by the password alone ({command.forget_second_factor(settings_of(data), name)})")


@users_app.command("hash", epilog="Example:  fixtrail users hash --stdin < password.txt")
def users_hash(
    stdin: Annotated[bool, typer.Option("--stdin", help="Read the password from standard input.")] = False,
) -> None:
    """The hash of a password, for a file or environment that something else writes."""
    from fixtrail.web.accounts import command

    say(command.hash_of(from_stdin=stdin))
