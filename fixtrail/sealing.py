"""Seals what Fixtrail itself sends to `service-events`."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Protocol

import orjson

from fixtrail.settings import NoEndpointError, PersonSettings
from runtime.failure import NEGATIVE, ExitError
from runtime.store import StoreUnavailableError
from schemas.decode import Headers
from schemas.personal import sealed_texts

if TYPE_CHECKING:
    from runtime.personal.vault import Vault


class Seal(Protocol):
    """Gives lines with their personal fields sealed. `headers` where they may be in CloudEvents envelopes."""

    def __call__(self, lines: Sequence[bytes], headers: Sequence[Headers] = (), /) -> list[bytes]: ...


def vault_of(settings: PersonSettings) -> "Vault":
    """What seals and reads personal fields. Raises NoEndpointError where FIXTRAIL_HASH_KEY is not set."""
    from runtime.personal.vault import Vault

    return Vault(settings.person_keys_dsn(), settings.secret())


def sealer_of(settings: PersonSettings) -> Seal | None:
    """A function that seals lines; None where FIXTRAIL_SEAL=false.

    It raises ExitError where the key store is away, and, for personal lines alone, where no secret is set.
    """
    if not settings.seal:
        return None
    vault: Vault | None = None

    def seal(lines: Sequence[bytes], headers: Sequence[Headers] = (), /) -> list[bytes]:
        from runtime.personal.sealing import personal_event

        nonlocal vault
        try:
            if vault is None:
                vault = vault_of(settings)
            return vault.seal(lines, headers)
        except NoEndpointError as error:
            if not any(personal_event(line) for line in lines):
                return list(lines)
            raise ExitError(
                f"personal fields cannot be encrypted (FIXTRAIL_SEAL=false sends them as is): {error}"
            ) from None
        except StoreUnavailableError as error:
            raise ExitError(f"the store of personal keys is away: {error}", NEGATIVE) from None

    return seal


def opener_of(settings: PersonSettings) -> Callable[[bytes | None], bytes | None]:
    """What gives an event's bytes as they were sent; those that there are where not all of it can be read.

    So it is without the secret or the store of keys, and of orders that were erased or are restricted.
    """
    vault: Vault | None = None

    def open_sealed(value: bytes | None) -> bytes | None:
        from runtime.personal.sealing import unsealed_event

        nonlocal vault
        try:
            event = orjson.loads(value or b"")
            texts = sealed_texts(event) if isinstance(event, dict) else []
            if not texts:
                return value
            if vault is None:
                vault = vault_of(settings)
            opened = {text: unsealed.text for text, unsealed in vault.unseal(texts).items()}
        except (orjson.JSONDecodeError, NoEndpointError, StoreUnavailableError):
            return value
        return value if None in opened.values() else orjson.dumps(unsealed_event(event, opened.get))

    return open_sealed
