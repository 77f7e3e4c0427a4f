"""API keys: who may send which events and read what. Of a key's secret only a hash is kept.

A key reads `ftk_<id>_<secret>`; the secret is 256 bits out of the system's generator, so one round of SHA-256 hides it
for good: slow hashes are for what people make up. The file is read again whenever it changes.
"""

import fcntl
import hashlib
import hmac
import json
import logging
import os
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Literal, get_args

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from fixtrail.settings import ApiKeySettings
from runtime.failure import ExitError

FILE = "api-keys.json"

Scope = Literal["events:write", "consents:write", "orders:read", "centers:read", "figures:read", "personal:read"]
SCOPES: tuple[Scope, ...] = get_args(Scope)

_KEY = re.compile(r"ftk_([0-9a-f]{12})_([A-Za-z0-9_-]{43})")

log = logging.getLogger(__name__)


class ApiKey(BaseModel):
    """One key as it is kept; None for `types` or `centers` allows all of them."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    source: str = Field(description="Which system holds the key; stands in the header `source` of its events.")
    secret_sha256: str
    scopes: frozenset[Scope]
    types: frozenset[str] | None = None
    centers: frozenset[str] | None = None
    events_per_minute: int | None = Field(default=None, ge=1)
    test: bool = Field(default=False, description="All is checked and answered as usual, and nothing is written.")
    created_at: AwareDatetime
    expires_at: AwareDatetime | None = None
    revoked_at: AwareDatetime | None = None

    def is_valid(self, now: datetime) -> bool:
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)

    def allows(self, *, type_: str | None = None, center: str | None = None) -> bool:
        """Whether it may deal with this event type and this center, as far as they are named."""
        return (type_ is None or self.types is None or type_ in self.types) and (
            center is None or self.centers is None or center in self.centers
        )


class _KeyFileContent(BaseModel):
    keys: tuple[ApiKey, ...] = ()


def make_key() -> tuple[str, str, str]:
    """A fresh key: the text for its holder, its id, and the hash of its secret."""
    key_id, secret = secrets.token_hex(6), secrets.token_urlsafe(32)
    return f"ftk_{key_id}_{secret}", key_id, _hash(secret)


class KeyFile:
    """The file of all keys, changed whole or not at all, by one process at a time."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self) -> tuple[ApiKey, ...]:
        """The keys in order of their making; none where there is no file.

        Raises ExitError where the file is none of ours.
        """
        try:
            return _KeyFileContent.model_validate_json(self.path.read_bytes()).keys
        except FileNotFoundError:
            return ()
        except ValidationError as error:
            where = "; ".join(".".join(map(str, item["loc"])) for item in error.errors(include_input=False))
            raise ExitError(f"{self.path} holds no API keys: {where}") from None

    def add(self, key: ApiKey) -> None:
        with self._locked():
            self._write((*self.read(), key))

    def revoke(self, key_id: str, now: datetime) -> ApiKey:
        """Revoke a key, and return it. Raises ExitError where there is none of this id."""
        with self._locked():
            keys = {key.id: key for key in self.read()}
            if key_id not in keys:
                raise ExitError(f"there is no API key {key_id}: `fixtrail api-keys list` names them")
            revoked = keys[key_id]
            if revoked.revoked_at is None:
                revoked = keys[key_id] = revoked.model_copy(update={"revoked_at": now})
                self._write(tuple(keys.values()))
            return revoked

    @contextmanager
    def _locked(self) -> Iterator[None]:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.with_name(f"{self.path.name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _write(self, keys: tuple[ApiKey, ...]) -> None:
        part_file = self.path.with_name(f"{self.path.name}.{os.getpid()}.part")
        part_file.touch(mode=0o600)
        content = _KeyFileContent(keys=keys).model_dump(mode="json", exclude_none=True)
        for key in content["keys"]:
            if not key["test"]:
                # A version before knows no such field.
                del key["test"]
            for name in ("scopes", "types", "centers"):
                if name in key:
                    key[name] = sorted(key[name])
        with part_file.open("w") as file:
            json.dump(content, file, indent=2)
            file.write("\n")
            file.flush()
            os.fsync(file.fileno())
        part_file.replace(self.path)


class KeyRing:
    """The keys of a file as they are at the moment, for a server that runs on."""

    def __init__(self, file: KeyFile) -> None:
        self._file = file
        self._file_state: tuple[int, ...] | None = None
        self._keys: dict[str, ApiKey] = {}

    def find(self, text: str, now: datetime) -> ApiKey | None:
        """The valid key with this text, if there is one."""
        self._refresh()
        form = _KEY.fullmatch(text)
        key = self._keys.get(form[1]) if form else None
        # The same work for an id that nobody holds.
        stored_hash = key.secret_sha256 if key else "0" * 64
        is_right = hmac.compare_digest(_hash(form[2] if form else ""), stored_hash)
        return key if key and is_right and key.is_valid(now) else None

    def _refresh(self) -> None:
        """Read the file again if it has changed. Where it cannot be read the keys stay as they were."""
        file_state: tuple[int, ...] = ()
        try:
            stat = self._file.path.stat()
            file_state = (stat.st_mtime_ns, stat.st_size, stat.st_ino)
        except FileNotFoundError:
            pass
        if file_state == self._file_state:
            return
        try:
            self._keys = {key.id: key for key in self._file.read()}
        except (ExitError, OSError) as error:
            log.error("the API keys cannot be read, those known before stay valid: %s", error)
        self._file_state = file_state


def key_file(settings: ApiKeySettings) -> KeyFile:
    """The file that FIXTRAIL_API_KEYS names, by default one in the data folder."""
    return KeyFile(settings.api_keys or settings.data / FILE)


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
