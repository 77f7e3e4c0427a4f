"""`fixtrail api-keys`: making, listing and revoking the keys of the API."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

from fixtrail.settings import ApiKeySettings
from fixtrail.web.api.keys import SCOPES, ApiKey, key_file, make_key
from runtime.failure import USAGE, ExitError
from schemas.event_topics import ALL_TYPES


def add_key(
    settings: ApiKeySettings,
    source: str,
    *,
    scopes: Sequence[str],
    types: Sequence[str] = (),
    centers: Sequence[str] = (),
    events_per_minute: int | None = None,
    expires_at: datetime | None = None,
    test: bool = False,
) -> tuple[str, ApiKey]:
    """A new key: its text, which is nowhere else, and what is kept of it. Raises ExitError for what does not exist."""
    if not source.strip() or len(source) > 64 or not source.isprintable():
        raise ExitError("a source is a name of 1 to 64 printable characters", USAGE)
    if not all(center.strip() for center in centers):
        raise ExitError("--center is the id of a center", USAGE)
    _check("--scope", scopes, SCOPES)
    _check("--type", types, ALL_TYPES)
    text, key_id, secret_sha256 = make_key()
    key = ApiKey.model_validate(
        {
            "id": key_id,
            "source": source,
            "secret_sha256": secret_sha256,
            "scopes": frozenset(scopes) or {"events:write"},
            "types": frozenset(types) or None,
            "centers": frozenset(centers) or None,
            "events_per_minute": events_per_minute,
            "created_at": datetime.now(UTC),
            "expires_at": expires_at,
            "test": test,
        }
    )
    key_file(settings).add(key)
    return text, key


def list_keys(settings: ApiKeySettings) -> list[dict[str, Any]]:
    """Every key, oldest first, without its hash; `state` is valid, expired or revoked."""
    now = datetime.now(UTC)
    return [_as_dict(key, now) for key in key_file(settings).read()]


def revoke_key(settings: ApiKeySettings, key_id: str) -> ApiKey:
    """Let a key be refused from now on. Raises ExitError where there is none of this id."""
    return key_file(settings).revoke(key_id, datetime.now(UTC))


def print_keys(keys: Sequence[dict[str, Any]]) -> None:
    """The keys as a table, on stdout."""
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Column, Table

    console = Console()
    if not keys:
        console.print("no API keys")
        return
    names = ("id", "source", "scopes", "types", "centers", "per minute", "made", "state")
    # The id is what the other commands are given: it is on one line, and nothing is cut.
    table = Table(*(Column(name, overflow="fold", no_wrap=name == "id") for name in names))
    for key in keys:
        cells = [key["id"], key["source"], ", ".join(key["scopes"])]
        cells += [", ".join(key[name]) if key[name] else "all" for name in ("types", "centers")]
        cells += [f"{key['events_per_minute']:,}" if key["events_per_minute"] else "default"]
        state = f"{key['state']} (test)" if key["test"] else key["state"]
        table.add_row(*map(escape, [*cells, key["created_at"][:10], state]))
    (console if console.is_terminal else Console(width=160)).print(table)


def _as_dict(key: ApiKey, now: datetime) -> dict[str, Any]:
    fields = key.model_dump(mode="json", exclude={"secret_sha256"})
    for name in ("scopes", "types", "centers"):
        fields[name] = None if fields[name] is None else sorted(fields[name])
    return {**fields, "state": "valid" if key.is_valid(now) else "revoked" if key.revoked_at else "expired"}


def _check(option: str, names: Iterable[str], allowed: Iterable[str]) -> None:
    if unknown := sorted(set(names) - set(allowed)):
        raise ExitError(f"{option} {unknown[0]}: there are only {', '.join(allowed)}", USAGE)
