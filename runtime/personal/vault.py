"""What seals events before they go to Kafka, and reads sealed texts again: the key store behind one connection."""

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import repeat
from typing import Any, TypeVar

import orjson

from runtime.clock import now_ms
from runtime.personal import keys
from runtime.personal.keyed_hash import hash_key, keyed_hash
from runtime.personal.keys import StoredKey
from runtime.personal.seal import sealer, unseal
from runtime.personal.sealing import Json, personal_event, sealed_event, unsealed_event
from runtime.store import Store, StoreUnavailableError, open_store
from schemas.decode import MAX_BYTES, Headers
from schemas.personal import EXTRAS, key_id_of, sealed_texts

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Unsealed:
    """A sealed text as it was; or None and why: it is erased, or nobody is to be told for now."""

    text: str | None
    reason: str = ""


ERASED = Unsealed(None, "erased")
RESTRICTED = Unsealed(None, "restricted")


class OrderKeys:
    """Keyed hashes: `order` names an order in the key store, `customer` is the key by which analysts know a customer.

    Raises ValueError for an empty secret.
    """

    def __init__(self, secret: bytes) -> None:
        self._key = hash_key(secret)

    def order(self, center_id: object, order_id: object, vehicle_id: object) -> str:
        """The key of an order in the key store."""
        return keyed_hash(self._key, b"order", "\x1f".join(map(str, (center_id, order_id, vehicle_id))))

    def order_of(self, event: Mapping[str, Any]) -> str:
        """The order key of an event's order."""
        return self.order(event.get("center_id"), event.get("order_id"), event.get("vehicle_id"))

    def customer(self, customer_id: str) -> str:
        return keyed_hash(self._key, b"customer", customer_id)

    def vehicle(self, vehicle_id: str) -> str:
        return keyed_hash(self._key, b"vehicle", vehicle_id)


class Vault:
    """Seals and unseals; any thread may call it, one at a time works. Every call may raise StoreUnavailableError.

    `dsn` names the key store as for runtime.store.open_store; it is opened when it is first needed.
    """

    def __init__(self, dsn: str, secret: bytes) -> None:
        self.order_keys = OrderKeys(secret)
        self._dsn = dsn
        self._store: Store | None = None
        self._turn = threading.Lock()

    def seal(self, values: Sequence[bytes], headers: Sequence[Headers] = ()) -> list[bytes]:
        """The records' values with every personal field sealed; bytes without any are the same bytes.

        An event in a CloudEvents envelope comes out of it, so its content type has to go, too (`without_envelope`).
        """
        events = [
            personal_event(value, header) for value, header in zip(values, headers or repeat(()), strict=bool(headers))
        ]
        orders = {index: self.order_keys.order_of(event) for index, event in enumerate(events) if event is not None}
        if not orders:
            return list(values)
        stored = self._with_store(lambda store: keys.keys_of_orders(store, orders.values(), now_ms()))
        return [
            value if event is None else self._sealed(value, event, stored[orders[index]])
            for index, (value, event) in enumerate(zip(values, events, strict=True))
        ]

    def _sealed(self, value: bytes, event: Json, stored: StoredKey) -> bytes:
        # What was erased stays so, however often it is sent again.
        seal = sealer(stored.key) if stored.key else lambda text: None
        is_too_large = len(value) > MAX_BYTES
        customer_key = self.order_keys.customer
        sealed = sealed_event(event, seal, customer_key, is_too_large=is_too_large, is_own=stored.is_by_it)
        text = orjson.dumps(sealed)
        if len(text) <= MAX_BYTES or is_too_large:
            return text
        # What nobody reads makes no event too large that was not.
        return orjson.dumps({name: item for name, item in sealed.items() if name != EXTRAS})

    def unseal(self, texts: Iterable[str], *, restricted: bool = False) -> dict[str, Unsealed]:
        """Each sealed text as it was, or why not; with `restricted` also of orders that are restricted."""
        unique_texts = list(dict.fromkeys(texts))
        ids = sorted({key_id_of(text) for text in unique_texts} - {""})
        stored = self._with_store(lambda store: keys.stored_keys(store, ids)) if ids else {}
        return {text: _unsealed(text, stored.get(key_id_of(text)), restricted=restricted) for text in unique_texts}

    def reader(self, texts: Iterable[str], *, restricted: bool = False) -> Callable[[str], str | None]:
        """A function that gives each of the texts as it was, None where it cannot be read."""
        unsealed = self.unseal(texts, restricted=restricted)
        return lambda text: unsealed[text].text

    def readable(self, event: Json) -> Json:
        """The event as it was sent, as far as its key is there, also of orders that are restricted."""
        return unsealed_event(event, self.reader(sealed_texts(event), restricted=True))

    def erase(self, order_keys: Iterable[str]) -> int:
        """Delete the keys of these orders for good; how many there were."""
        return self._with_store(lambda store: keys.erase(store, order_keys, now_ms()))

    def restrict(self, order_keys: Iterable[str], *, lift: bool = False) -> int:
        """Restrict these orders, or lift it again; how many they are."""
        return self._with_store(lambda store: keys.restrict(store, order_keys, now_ms(), lift=lift))

    def stored(self, order_keys: Sequence[str]) -> dict[str, StoredKey]:
        """The stored keys of these orders."""
        return self._with_store(lambda store: keys.stored_orders(store, order_keys))

    def forget_before(self, created_before: int) -> int:
        """Delete the keys of orders older than that; how many."""
        return self._with_store(lambda store: keys.forget_before(store, created_before))

    def close(self) -> None:
        with self._turn:
            if self._store is not None:
                self._store.close()
                self._store = None

    def _with_store(self, work: Callable[[Store], Result]) -> Result:
        with self._turn:
            if self._store is None:
                self._store = open_store(self._dsn)
                keys.create_tables(self._store)
            try:
                return work(self._store)
            except StoreUnavailableError:
                self._store.close()
                self._store = None
                raise


def _unsealed(text: str, stored: StoredKey | None, *, restricted: bool) -> Unsealed:
    if stored is None or stored.key is None:
        return ERASED
    if stored.restricted_at is not None and not restricted:
        return RESTRICTED
    plain = unseal(stored.key, text)
    return ERASED if plain is None else Unsealed(plain)
