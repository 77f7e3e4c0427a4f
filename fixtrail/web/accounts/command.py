"""`fixtrail users`: the accounts of the ops board, in the file that FIXTRAIL_USERS names."""

import getpass
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from fixtrail.settings import AccountSettings
from fixtrail.web.accounts.passwords import WeakPasswordError, hash_password
from fixtrail.web.accounts.users import ALL_CENTERS, Account, read_users, users_lock, write_users
from runtime.failure import NEGATIVE, REFUSED, USAGE, ExitError, exit_on
from schemas.toml_file import TomlFileError


def users_file(settings: AccountSettings) -> Path:
    """Where the accounts are: FIXTRAIL_USERS, or users.toml in the data folder."""
    return settings.users or settings.data / "users.toml"


def add_user(
    settings: AccountSettings,
    name: str,
    role: str,
    centers: list[str],
    *,
    screen: bool,
    replace: bool,
    from_stdin: bool,
) -> Path:
    """Add an account with a password that is asked for, or read from stdin; the file. Raises ExitError."""
    path = users_file(settings)
    if name in _accounts(path) and not replace:
        raise ExitError(f"there is an account {name} already: --replace changes it")
    if not centers:
        raise ExitError("name the centers that the account may see (--center ID), or --all-centers", USAGE)
    try:
        hashed = hash_password(_password(from_stdin), name)
        fields = {"name": name, "role": role, "centers": centers, "screen": screen, "password": hashed}
        account = Account.model_validate(fields)
    except WeakPasswordError as error:
        raise ExitError(str(error), USAGE) from None
    except ValueError as error:
        raise ExitError(_reason(error), USAGE) from None
    with _changing(path) as accounts:
        before = accounts.get(name)
        second = {"totp": before.totp, "recovery": before.recovery} if before else {}
        accounts[name] = account.model_copy(update=second)
    return path


def forget_second_factor(settings: AccountSettings, name: str) -> Path:
    """Remove the second factor of an account; its sessions end. Raises ExitError where there is none of the name."""
    path = users_file(settings)
    with _changing(path) as accounts:
        if name not in accounts:
            raise ExitError(f"there is no account {name} in {path}", NEGATIVE)
        accounts[name] = accounts[name].model_copy(update={"totp": None, "recovery": ()})
    return path


def remove_user(settings: AccountSettings, name: str) -> Path:
    """Remove an account: its sessions end at once. Raises ExitError where there is none of the name."""
    path = users_file(settings)
    with _changing(path) as accounts:
        if accounts.pop(name, None) is None:
            raise ExitError(f"there is no account {name} in {path}", NEGATIVE)
    return path


def list_users(settings: AccountSettings) -> list[dict[str, Any]]:
    """The file's accounts without their hashes. Raises ExitError (78) where the file is wrong."""
    return [
        {
            "name": account.name,
            "role": account.role,
            "centers": list(account.centers),
            "screen": account.screen,
            "second_factor": account.totp is not None,
        }
        for account in _accounts(users_file(settings)).values()
    ]


def print_users(accounts: list[dict[str, Any]]) -> None:
    """The accounts as lines for people."""
    for account in accounts:
        centers = "all centers" if ALL_CENTERS in account["centers"] else ", ".join(account["centers"])
        print(f"{account['name']:<24} {account['role']:<8} {centers}{_remarks(account)}")
    if not accounts:
        print("no accounts: fixtrail users add NAME --role admin --all-centers")


def _remarks(account: dict[str, Any]) -> str:
    remarks = {"screen": account["screen"], "second factor": account["second_factor"]}
    text = ", ".join(remark for remark, is_so in remarks.items() if is_so)
    return f"  ({text})" if text else ""


def hash_of(*, from_stdin: bool) -> str:
    """The hash of a password that is asked for, or read from stdin. Raises ExitError for a weak one."""
    with exit_on(WeakPasswordError, code=USAGE):
        return hash_password(_password(from_stdin))


def _password(from_stdin: bool) -> str:
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    first = getpass.getpass("Password: ")
    if getpass.getpass("Once more: ") != first:
        raise ExitError("the two are not the same", USAGE)
    return first


def _accounts(path: Path) -> dict[str, Account]:
    with exit_on(TomlFileError, code=REFUSED):
        return read_users(path)


@contextmanager
def _changing(path: Path) -> Iterator[dict[str, Account]]:
    """The accounts of the file, which are written back as they are at the end."""
    try:
        with users_lock(path):
            accounts = _accounts(path)
            yield accounts
            write_users(path, accounts)
    except (TomlFileError, OSError) as error:
        raise ExitError(f"{path} cannot be written: {error}") from None


def _reason(error: ValueError) -> str:
    """What is wrong with an account, in a line."""
    errors = getattr(error, "errors", None)
    if errors is None:
        return str(error)
    return "; ".join(
        f"{'.'.join(map(str, item['loc']))}: {item['msg']}"
        for item in errors(include_input=False, include_context=False, include_url=False)
    )
