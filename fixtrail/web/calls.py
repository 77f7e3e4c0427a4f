"""Customers who want to be called: the newest request of every order, and what may become of it."""

from fixtrail.web.accounts.users import Person
from fixtrail.web.events import Events
from runtime.kafka.table import Table
from schemas.call_request import CallRequest
from schemas.facts import JourneyFact
from schemas.order_key import OrderKey
from schemas.times import DAY_MS, MINUTE_MS
from schemas.topics import CALL_REQUESTS

# So long a customer may take the request back.
WITHDRAWN_WITHIN_MS = 2 * MINUTE_MS
# So often an order's customer may ask within 24 hours.
MOST_A_DAY = 3
KEPT_MS = 30 * DAY_MS


class CallRequests(Table[CallRequest]):
    """The newest request of every order of the last weeks."""

    def __init__(self) -> None:
        super().__init__(
            CALL_REQUESTS, CallRequest.model_validate_json, is_newer=_is_newer, is_expired=_is_old, key_of=_key
        )

    def newest(self, order: OrderKey) -> CallRequest | None:
        """The order's newest request, whatever became of it."""
        return self.get(order.encode().decode())

    def waiting(self, fact: JourneyFact) -> CallRequest | None:
        """The request that somebody still has to answer; it ends with the visit."""
        request = self.newest(fact.order)
        return request if request is not None and request.is_waiting and fact.status == "open" else None

    async def write(self, events: Events, request: CallRequest) -> None:
        """Send a request's new state, and show it here at once. Raises NotAcknowledgedError."""
        await events.write(request.model_dump_json().encode(), request.order.encode(), topic=CALL_REQUESTS)
        self.replace(_key(request), request)


def asked_call(order: OrderKey, before: CallRequest | None, now: int) -> CallRequest | None:
    """A new request; None where there were enough within 24 hours. `before` is the order's newest one."""
    earlier = () if before is None else (*before.earlier, before.asked_at)
    recent = tuple(at for at in earlier if at > now - DAY_MS)
    if len(recent) >= MOST_A_DAY:
        return None
    # Later than the one before, also where the clocks of two processes differ.
    at = max(now, before.changed_at + 1) if before is not None else now
    return CallRequest(
        center_id=order.center_id, order_id=order.order_id, asked_at=at, state="asked", changed_at=at, earlier=recent
    )


def may_withdraw(request: CallRequest, now: int) -> bool:
    """Whether the customer may still take the request back."""
    return request.is_waiting and now < request.asked_at + WITHDRAWN_WITHIN_MS


def withdrawn_call(request: CallRequest, now: int) -> CallRequest:
    """The request taken back by the customer."""
    return request.model_copy(update={"state": "withdrawn", "changed_at": max(now, request.changed_at)})


def answered_call(request: CallRequest, person: Person, now: int) -> CallRequest:
    """The request after somebody has called."""
    done = {"state": "called", "changed_at": max(now, request.changed_at)}
    by = {"handled_by": person.label, "identity": person.identity, "via": person.via}
    return request.model_copy(update=done | by)


def by_order(calls: CallRequests | None) -> dict[OrderKey, CallRequest]:
    """The requests that wait, by order."""
    return {request.order: request for request in calls.values() if request.is_waiting} if calls is not None else {}


def _key(request: CallRequest) -> str:
    return request.order.encode().decode()


def _is_newer(request: CallRequest, than: CallRequest) -> bool:
    return (request.asked_at, request.changed_at) >= (than.asked_at, than.changed_at)


def _is_old(request: CallRequest, now: int) -> bool:
    return request.changed_at < now - KEPT_MS
