"""A customer asks to be called about an order: topic `call-requests`."""

from typing import Literal

from schemas.facts import Fact
from schemas.order_key import OrderKey

CallState = Literal["asked", "withdrawn", "called"]


class CallRequest(Fact):
    """The newest request of an order: topic `call-requests`, key = JSON array of center_id and order_id; compacted.

    `changed_at` is when the state was reached: `asked` by the customer, `withdrawn` by them within two minutes,
    `called` once somebody has called. `earlier` are the times of the requests before it in the last 24 hours.
    `handled_by` is the name to show, `identity` whose account that is, `via` how they signed in. No name, number or
    address of the customer: those are in the workshop's own system.
    """

    center_id: str
    order_id: str
    asked_at: int
    state: CallState
    changed_at: int
    earlier: tuple[int, ...] = ()
    handled_by: str | None = None
    identity: str | None = None
    via: Literal["password", "oidc", "command"] | None = None

    @property
    def order(self) -> OrderKey:
        return OrderKey(self.center_id, self.order_id)

    @property
    def is_waiting(self) -> bool:
        """Whether somebody still has to call."""
        return self.state == "asked"
