"""Open orders of which nothing is heard for a while: their states are packed in memory, not in the log.

A state is written at every batch that has an event of its order, so packing it then would cost as much as the rules do.
Those of the orders changed last stay as they are; with fewer open orders than that nothing is ever packed.
"""

from collections import OrderedDict
from collections.abc import MutableMapping

from streams.journey.packed_state import is_packed, packed_state

# Of one partition, so many states lie unpacked.
UNPACKED_ORDERS = 5_000
# So many more are packed after a batch than it changed: after a start all lie unpacked.
_MORE_AT_ONCE = 20


class IdleOrders:
    """The keys of the states that are not packed, those changed last at the end."""

    __slots__ = ("_keys", "_orders")

    def __init__(self, orders: MutableMapping[bytes, bytes]) -> None:
        self._orders = orders
        self._keys = OrderedDict.fromkeys(key for key, state in orders.items() if not is_packed(state))

    def pack(self, changed: MutableMapping[bytes, bytes | None]) -> None:
        """Pack the states of orders that have waited longest, after a batch that has changed these."""
        keys, orders = self._keys, self._orders
        for key, state in changed.items():
            keys.pop(key, None)
            if state is not None and not is_packed(state):
                keys[key] = None
        for _ in range(min(len(keys) - UNPACKED_ORDERS, len(changed) + _MORE_AT_ONCE)):
            key, _ = keys.popitem(last=False)
            # One that was let go is not there any more.
            if (state := orders.get(key)) is not None and not is_packed(state):
                orders[key] = packed_state(state)
