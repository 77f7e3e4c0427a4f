"""`fixtrail orders correct-vehicle`: an order whose events name a wrong vehicle goes on under the right one.

CONTRACT section 1: the same events are sent under the right vehicle, and the wrong one gets a cancellation that takes
that order out of every figure. Event ids stay, so nothing is counted or told twice, and to do it again changes nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson

from fixtrail.operations.topics import require_topic
from fixtrail.sealing import sealer_of, vault_of
from fixtrail.settings import KafkaSettings, PersonsSettings, client_options
from runtime.failure import NEGATIVE, ExitError
from runtime.kafka.producer import open_producer
from runtime.kafka.whole_topic import records_of
from schemas.decode import EventError, decode_event, event_object
from schemas.events import VEHICLE_CORRECTED
from schemas.order_key import OrderKey
from schemas.topics import MAX_SENT_BYTES, SERVICE_EVENTS
from schemas.version import SCHEMA_HEADER
from streams.journey.ids import hashed_id

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Correction:
    """What was done, or would be: how many events go over to the right vehicle; `already`: how many it has of them."""

    center_id: str
    order_id: str
    moved: int
    already: int
    dry_run: bool


async def correct_vehicle(
    settings: PersonsSettings, order: OrderKey, wrong: str, right: str, *, dry_run: bool
) -> Correction:
    """Move the order's events from the wrong vehicle to the right one.

    Raises ExitError where the two are the same, or where no event of the order under the wrong vehicle is in the topic:
    what its retention has let go of cannot be moved.
    """
    if wrong == right:
        raise ExitError("the wrong vehicle and the right one are the same", NEGATIVE)
    events, event_ids = await _events_of(settings, order, wrong, right)
    if not events:
        raise ExitError(f"topic {SERVICE_EVENTS} has no event of order {order} under vehicle {wrong}", NEGATIVE)
    missing = [event for event in events if event["event_id"] not in event_ids]
    correction = Correction(*order, moved=len(missing), already=len(events) - len(missing), dry_run=dry_run)
    if not dry_run:
        moved = [event | {"vehicle_id": right} for event in missing]
        await _send(settings, [*moved, cancellation_of(events, wrong)])
    return correction


def cancellation_of(events: Sequence[Json], wrong: str) -> Json:
    """The event that ends the order under the wrong vehicle, at its last event; made again it is the same one."""
    last = max(events, key=lambda event: datetime.fromisoformat(event["occurred_at"]))
    center_id, order_id = last["center_id"], last["order_id"]
    return {
        "event_id": f"{VEHICLE_CORRECTED}-{hashed_id(center_id, order_id, wrong)}",
        "type": "cancellation",
        "order_id": order_id,
        "vehicle_id": wrong,
        "center_id": center_id,
        "occurred_at": datetime.fromisoformat(last["occurred_at"]).astimezone(UTC).isoformat(),
        "reason": VEHICLE_CORRECTED,
    }


async def _events_of(settings: PersonsSettings, order: OrderKey, wrong: str, right: str) -> tuple[list[Json], set[str]]:
    """The order's distinct events under the wrong vehicle, as they were sent; ids of those under the right one."""
    vault = vault_of(settings)
    events: dict[str, Json] = {}
    event_ids: set[str] = set()
    try:
        async for event in _parsed(settings, {wrong.encode(), right.encode()}):
            if (event["center_id"], event["order_id"]) != order or event.get("reason") == VEHICLE_CORRECTED:
                continue
            if event["vehicle_id"] == right:
                event_ids.add(event["event_id"])
            else:
                events.setdefault(event["event_id"], vault.readable(event))
    finally:
        vault.close()
    return list(events.values()), event_ids


async def _parsed(settings: KafkaSettings, keys: set[bytes]) -> Any:
    partitions = await require_topic(settings, SERVICE_EVENTS)
    async for records in records_of(client_options(settings), SERVICE_EVENTS, partitions):
        for record in records:
            if record.key not in keys or record.value is None:
                continue
            try:
                decode_event(record.value, record.headers)
                yield event_object(record.value, record.headers, max_bytes=2 * MAX_SENT_BYTES)
            except EventError:
                continue  # a dead letter: repaired, it can be sent under the right vehicle


async def _send(settings: PersonsSettings, events: Sequence[Json]) -> None:
    lines = [orjson.dumps(event) for event in events]
    seal = sealer_of(settings)
    values = seal(lines) if seal else lines
    async with open_producer(client_options(settings), linger_ms=5) as producer:
        # The right vehicle first: what is cut off here is done when the command is given again.
        for event, value in zip(events, values, strict=True):
            await producer.send_and_wait(SERVICE_EVENTS, value, event["vehicle_id"].encode(), headers=[SCHEMA_HEADER])
