"""Notifications in the customer's browser: its push subscription in the push sink's ledger."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from fixtrail.web.config import WebConfig
from runtime.clock import now_ms
from runtime.store import Store, StoreUnavailableError
from schemas.order_key import OrderKey
from sinks.push.address import AddressKeys, parse_recipient
from sinks.push.channels.http import is_allowed
from sinks.push.channels.webpush import parse_subscription
from sinks.push.ledger import ledger, recipients
from sinks.push.ledger.recipients import Preference

MOST_OF_ORDER = 5
MOST_ADDRESS = 2048


class NotSubscribedError(Exception):
    """The browser's subscription cannot be used, there are enough of this order's, or the ledger is away."""


def subscribe(config: WebConfig, order: OrderKey, body: bytes) -> None:
    """Send the order's notices to this browser, too. Raises NotSubscribedError."""
    address = _address(config, body)
    with _ledger(config) as store:
        addresses = recipients.subscriptions_of(store, [order]).get(order, [])
        if address not in addresses and len(addresses) >= MOST_OF_ORDER:
            raise NotSubscribedError("enough browsers follow this order")
        person, now = _person(config, address), now_ms()
        recipients.subscribe(store, person, order, address, now)
        before = recipients.preferences_of(store, [person]).get(person, Preference())
        if before.opted_out:
            # Asked for again.
            recipients.set_preference(store, person, replace(before, opted_out=False), now)


def unsubscribe(config: WebConfig, order: OrderKey, body: bytes) -> None:
    """Send this browser nothing more about the order, nor what waits. Raises NotSubscribedError."""
    address = _address(config, body)
    with _ledger(config) as store:
        if address in recipients.subscriptions_of(store, [order]).get(order, []):
            ledger.turn_off(store, _person(config, address), order, now_ms())


def is_subscribed(config: WebConfig, order: OrderKey, body: bytes) -> bool:
    """Whether the order's notices go to this browser: it may follow another order alone. Raises NotSubscribedError."""
    address = _address(config, body)
    with _ledger(config) as store:
        return address in recipients.subscriptions_of(store, [order]).get(order, [])


def _address(config: WebConfig, body: bytes) -> str:
    """The subscription as the push sink wants it. Raises NotSubscribedError for one that it would never use."""
    subscription = parse_subscription(body.decode(errors="replace"))
    section = config.push.webpush
    if section is None or subscription is None:
        raise NotSubscribedError("no subscription")
    address = "webpush:" + json.dumps(subscription, sort_keys=True, separators=(",", ":"))
    if len(address) > MOST_ADDRESS or not is_allowed(subscription["endpoint"], (), allow_private=section.allow_private):
        raise NotSubscribedError("not a push service that may be called")
    return address


def _person(config: WebConfig, address: str) -> str:
    return AddressKeys(config.settings.secret()).person(parse_recipient(address))


@contextmanager
def _ledger(config: WebConfig) -> Iterator[Store]:
    try:
        with ledger.opened_ledger(config.settings.ledger_dsn()) as store:
            yield store
    except StoreUnavailableError:
        raise NotSubscribedError("the ledger is away") from None
