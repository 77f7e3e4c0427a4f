"""Who may sign in: the accounts of a TOML file or of the environment, each with a role and the centers it may see."""

import fcntl
import hashlib
import logging
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator

from fixtrail.web.accounts.totp_box import TOTP_PATTERN, TotpBox, totp_mark
from schemas.toml_file import TomlFileError, TomlTable, load_model, parse_model, parse_toml

Role = Literal["viewer", "quality", "manager", "admin"]
# In this order; of several roles that a provider gives the last counts.
ROLES: tuple[Role, ...] = ("viewer", "quality", "manager", "admin")
# Which roles each role holds. That of quality is apart: managers do not see what is known of single technicians.
HELD: Mapping[Role, frozenset[Role]] = {
    "viewer": frozenset({"viewer"}),
    "quality": frozenset({"viewer", "quality"}),
    "manager": frozenset({"viewer", "manager"}),
    "admin": frozenset({"viewer", "manager", "admin"}),
}
ALL_CENTERS = "*"

_HEADER = """\
# Accounts of the ops board and the analysis pages (docs/administrators.md). `fixtrail users` writes this file whole;
# a running `fixtrail web` takes over every change by itself.
"""

log = logging.getLogger(__name__)


class Account(TomlTable):
    """One account. `centers` are center ids, or `*` for all; nobody sees a center that is not named.

    A `screen` is a viewer on a wall: its session does not end when nobody touches it. `totp` is the secret of a second
    factor (RFC 6238, base32; sealed, or as it is), `recovery` the SHA-256 of each code that may be used once in its
    place.
    """

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._@-]{0,63}$")]
    password: Annotated[str, Field(repr=False, pattern=r"^\$argon2id\$", max_length=512)]
    role: Role = "viewer"
    centers: Annotated[tuple[str, ...], Field(min_length=1)]
    screen: bool = False
    totp: Annotated[str | None, Field(repr=False, pattern=TOTP_PATTERN)] = None
    recovery: Annotated[tuple[Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")], ...], Field(repr=False)] = ()

    @model_validator(mode="after")
    def _screens_only_look(self) -> "Account":
        if self.screen and self.role != "viewer":
            raise ValueError("a screen account must be a viewer")
        return self

    @property
    def stamp(self) -> str:
        """Changes with the password and the second factor: sessions begun with another one are over."""
        return hashlib.sha256(f"{self.password}{totp_mark(self.totp)}".encode()).hexdigest()[:16]


class Users(TomlTable):
    user: tuple[Account, ...] = ()

    @field_validator("user")
    @classmethod
    def _no_name_twice(cls, accounts: tuple[Account, ...]) -> tuple[Account, ...]:
        names = [account.name for account in accounts]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"{', '.join(twice)} is there more than once")
        return accounts


@dataclass(frozen=True, slots=True)
class Person:
    """Who asks: a name to show, what it may do, and the centers it may see (None: all).

    `subject` is who that is for a company account: issuer and `sub`, as the provider may let people choose their names.
    """

    name: str
    role: Role
    centers: frozenset[str] | None
    subject: tuple[str, str] | None = None

    @property
    def identity(self) -> str:
        """What no two people share: the name of a local account, or issuer and subject of a company account."""
        return self.name if self.subject is None else " ".join(self.subject)

    @property
    def via(self) -> Literal["password", "oidc"]:
        """The way they signed in."""
        return "password" if self.subject is None else "oidc"

    @property
    def label(self) -> str:
        """The name where others read it: a company account cannot look like a local one."""
        return self.name if self.subject is None else f"{self.name} ({urlsplit(self.subject[0]).hostname})"

    def has(self, role: Role) -> bool:
        """Whether this role is theirs, or held by theirs."""
        return role in HELD[self.role]

    def may_acknowledge(self, kind: str) -> bool:
        """Whether alerts of a kind are theirs to take care of."""
        return self.has("manager") or (kind == "quality_warning" and self.has("quality"))

    def may_see(self, center_id: str | None) -> bool:
        """Whether a center's figures and orders are for them; what belongs to no center is for those who see all."""
        return self.centers is None or center_id in self.centers


def person_of(name: str, role: Role, centers: Iterable[str], subject: tuple[str, str] | None = None) -> Person:
    named = frozenset(centers)
    return Person(name, role, None if ALL_CENTERS in named else named, subject)


def parse_users(text: str, source: str) -> dict[str, Account]:
    """The accounts of a TOML document by name: [[user]] tables. Raises TomlFileError, which shows no hash."""
    return _by_name(parse_model(parse_toml(text, source), Users, source))


def read_users(path: Path) -> dict[str, Account]:
    """The accounts of a file; none where there is no file. Raises TomlFileError, which shows no hash."""
    return _by_name(load_model(path, Users)) if path.exists() else {}


def _by_name(users: Users) -> dict[str, Account]:
    return {account.name: account for account in users.user}


def write_users(path: Path, accounts: Mapping[str, Account]) -> None:
    """Replace the file by these accounts at one stroke, readable by its owner alone."""
    text = _HEADER + "".join(_table(account) for account in accounts.values())
    parse_users(text, str(path))
    path.parent.mkdir(parents=True, exist_ok=True)
    # mkstemp: mode 0600 from the start.
    number, name = tempfile.mkstemp(prefix=path.name, dir=path.parent)
    try:
        with os.fdopen(number, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def change_account(path: Path, name: str, change: Callable[[Account], Account], box: TotpBox) -> Account:
    """The account as `change` makes it, written to the file with the secrets of all of them sealed.

    Raises KeyError where the file has none of the name.
    """
    with users_lock(path):
        accounts = read_users(path)
        accounts[name] = change(accounts[name])
        accounts = sealed_accounts(accounts, box)
        write_users(path, accounts)
        return accounts[name]


def sealed_accounts(accounts: Mapping[str, Account], box: TotpBox) -> dict[str, Account]:
    """The accounts with the secret of each second factor sealed with the present key."""
    return {
        name: account.model_copy(update={"totp": box.seal(name, account.totp)}) if account.totp else account
        for name, account in accounts.items()
    }


@contextmanager
def users_lock(path: Path) -> Iterator[None]:
    """One writer of the file at a time, of all processes on this machine."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.with_name(f".{path.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _table(account: Account) -> str:
    centers = ", ".join(map(_quoted, account.centers))
    screen = "screen = true\n" if account.screen else ""
    recovery = ", ".join(map(_quoted, account.recovery))
    second = f"totp = {_quoted(account.totp)}\nrecovery = [{recovery}]\n" if account.totp else ""
    return (
        f"\n[[user]]\nname = {_quoted(account.name)}\nrole = {_quoted(account.role)}\ncenters = [{centers}]\n{screen}"
        f"password = {_quoted(account.password)}\n{second}"
    )


def _quoted(text: str) -> str:
    """A TOML basic string."""
    escaped = "".join(
        f"\\u{ord(sign):04x}" if ord(sign) < 32 or ord(sign) == 127 else f"\\{sign}" if sign in '"\\' else sign
        for sign in text
    )
    return f'"{escaped}"'


class Directory:
    """The accounts as they are now: `inline` ones, and those of the file, read again whenever it changes.

    A file that becomes wrong changes nothing until it is mended; it is said in the log once.
    """

    def __init__(self, path: Path | None, inline: str | None = None, box: TotpBox | None = None) -> None:
        """Raises TomlFileError where file or text are wrong from the start."""
        self._path = path
        self.box = box or TotpBox()
        self._inline = parse_users(inline, "FIXTRAIL_USERS_TOML") if inline else {}
        self._file_state = self._state()
        self._accounts = {**self._inline, **(read_users(path) if path else {})}

    def get(self, name: str) -> Account | None:
        return self.all().get(name)

    def change(self, name: str, change: Callable[[Account], Account]) -> Account:
        """Change an account of the file. Raises KeyError for one that is not in it, OSError where it is read-only."""
        if self._path is None:
            raise KeyError(name)
        account = change_account(self._path, name, change, self.box)
        self._accounts = {**self._accounts, name: account}
        return account

    def seal_anew(self) -> None:
        """Seal with the present key what the file has sealed with an older one, so that the older can be dropped."""
        outdated = [name for name, account in self.all().items() if self.box.is_outdated(name, account.totp)]
        for name in outdated[:1] if self._path else ():
            try:
                self.change(name, lambda account: account)
            except (KeyError, OSError) as error:
                log.warning(
                    "second factors not sealed anew", extra={"accounts": len(outdated), "error": type(error).__name__}
                )

    def is_changeable(self, name: str) -> bool:
        """Whether the account is one of the file's."""
        return name not in self._inline and name in self.all()

    def all(self) -> Mapping[str, Account]:
        """By name. Asks the file system each time, which is far cheaper than any page."""
        if (state := self._state()) != self._file_state:
            self._file_state = state
            try:
                self._accounts = {**self._inline, **(read_users(self._path) if self._path else {})}
                log.info("accounts read", extra={"accounts": len(self._accounts)})
            except TomlFileError as error:
                log.error("accounts not read, the earlier ones hold", extra={"reason": str(error)})
        return self._accounts

    def _state(self) -> tuple[int, int, int] | None:
        if self._path is None:
            return None
        try:
            stat = self._path.stat()
        except OSError:
            return None
        return stat.st_mtime_ns, stat.st_size, stat.st_ino
