"""The demo's account for the ops board, with a password made for this run."""

from pathlib import Path

from fixtrail.settings import Settings

NAME = "demo"
# Beside the package in a checkout; without it the board shows no targets.
TARGETS = Path(__file__).parents[1] / "examples" / "targets.toml"


def board_lines(settings: Settings) -> list[str]:
    """Make the account; where the board is and how to sign in."""
    from fixtrail.web.accounts.command import users_file
    from fixtrail.web.accounts.passwords import hash_password, new_password
    from fixtrail.web.accounts.users import ALL_CENTERS, Account, write_users
    from fixtrail.web.config import public_url

    password = new_password()
    account = Account(name=NAME, role="manager", centers=(ALL_CENTERS,), password=hash_password(password))
    write_users(users_file(settings), {NAME: account})
    home = public_url(settings)
    return [
        f"The ops board, live: [bold]{home}/ops[/bold]   account [bold]{NAME}[/bold], password [bold]{password}[/bold]",
        f"The same for a screen on a wall: {home}/ops?wall=1   Reports: {home}/analysis",
    ]
