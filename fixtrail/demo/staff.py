"""What the demo sets up for the ops board: targets, and an account with a password made for this run."""

from pathlib import Path

from fixtrail.local.data_folder import LOCK_FILE
from fixtrail.settings import WebSettings

NAME = "demo"
TARGETS = """\
[targets]
nps = 90
ftfr = 0.95
wait_mean_s = 900
wait_median_s = 900
"""


def write_targets(folder: Path) -> Path:
    """The file with the targets of the demo's workshops."""
    folder.mkdir(parents=True, exist_ok=True)
    # By this the next demo knows that the folder is its own, even if the stack never came up.
    (folder / LOCK_FILE).touch()
    file = folder / "targets.toml"
    file.write_text(TARGETS)
    return file


def board_lines(settings: WebSettings) -> list[str]:
    """Make the account; where the board is and how to sign in."""
    from fixtrail.configuration import public_url
    from fixtrail.web.accounts.command import users_file
    from fixtrail.web.accounts.passwords import hash_password, new_password
    from fixtrail.web.accounts.users import ALL_CENTERS, Account, write_users

    password = new_password()
    account = Account(name=NAME, role="manager", centers=(ALL_CENTERS,), password=hash_password(password))
    write_users(users_file(settings), {NAME: account})
    home = public_url(settings)
    return [
        f"The ops board, live: [bold]{home}/ops[/bold]   account [bold]{NAME}[/bold], password [bold]{password}[/bold]",
        f"The same for a screen on a wall: {home}/ops?wall=1   Reports: {home}/analysis",
    ]
