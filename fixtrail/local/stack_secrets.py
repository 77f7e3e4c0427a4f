"""The secrets of an embedded stack: made once, and each part finds only those in its environment that it reads."""

import json
import os
import secrets
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from fixtrail.settings import WebSettings
from runtime.key_strength import new_key

SECRETS_FILE = "secrets.json"

_PASSWORDS = ("clickhouse_password", "clickhouse_reader_password")
_KEYS = ("hash_key", "link_key", "session_key", "webhook_key")

# Of the secrets made here, then of those that only the environment of `fixtrail up` may hold.
_NEEDED: Mapping[str, tuple[str, ...]] = {
    "clickhouse": _PASSWORDS,
    "migrations": ("clickhouse_password",),
    "sink-clickhouse": ("clickhouse_password", "hash_key", "person_keys"),
    "watch": ("clickhouse_reader_password",),
    "reports": ("clickhouse_password", "clickhouse_reader_password", "ledger"),
    "sink-push": ("hash_key", "link_key", "webhook_key", "webhook_key_old", "ledger", "person_keys"),
    "web": (
        *("clickhouse_reader_password", "hash_key", "link_key", "link_key_old", "session_key", "session_key_old"),
        *("ledger", "person_keys", "oidc_client_secret", "users_toml"),
    ),
}


def _variable(name: str) -> str:
    return f"FIXTRAIL_{name.upper()}"


# What a part does not find in its environment unless it needs it.
SECRET_VARIABLES = frozenset(
    map(_variable, {*_PASSWORDS, *_KEYS, *(name for names in _NEEDED.values() for name in names)})
)


def stack_secrets(folder: Path, settings: WebSettings) -> dict[str, str]:
    """Passwords and keys of this folder, made once; a key from outside goes before the one made.

    A folder of a version before has one key only, of which the others stay derived.
    """
    path = folder / SECRETS_FILE
    if path.exists():
        stored: dict[str, str] = json.loads(path.read_text())
    else:
        stored = {name: secrets.token_urlsafe(24) for name in _PASSWORDS} | {name: new_key() for name in _KEYS}
        write_private(path, stored)
    return stored | {name: key for name in _KEYS if (key := getattr(settings, name))}


def secrets_of_part(part: str, stored: Mapping[str, str]) -> dict[str, str]:
    """The environment variables with the secrets that a part reads; none for one that reads none."""
    values = {**_from_environment(_NEEDED.get(part, ())), **stored}
    return {_variable(name): values[name] for name in _NEEDED.get(part, ()) if name in values}


def _from_environment(names: Iterable[str]) -> dict[str, str]:
    return {name: os.environ[_variable(name)] for name in names if _variable(name) in os.environ}


def write_private(path: Path, content: dict[str, Any]) -> None:
    """Write JSON that only this user may read, whole or not at all."""
    part = path.with_suffix(f".{os.getpid()}.part")
    part.unlink(missing_ok=True)
    part.touch(mode=0o600)
    with part.open("w") as file:
        json.dump(content, file, indent=2)
        file.write("\n")
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)
