"""What an event costs under a vehicle that has many orders already: a fleet's number, or one that stands for "unknown".

    python -m benchmarks.crowded [--orders 10 100 1000 10000] [--events N]

Exit code 1 where an event costs more than three times that of a vehicle with ten orders, and none was refused.
"""

import argparse
import json
import time
from itertools import count
from typing import Any

from schemas.decode import decode_event
from streams.journey.partition_state import PartitionState

START_MS = 1_760_000_000_000
LIMIT = 3.0
BATCH = 20


def main() -> int:
    """Print the CPU seconds of 1,000 events by how many orders the vehicle has; the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--orders", type=int, nargs="+", default=[10, 50, 1000, 10_000])
    parser.add_argument("--events", type=int, default=60)
    options = parser.parse_args()
    costs = {orders: cost(orders, options.events) for orders in options.orders}
    ordinary = costs[min(costs)]
    for orders, (seconds, refused) in costs.items():
        times = seconds / ordinary[0]
        print(f"{orders:>7,} orders: {seconds:6.3f} CPU s per 1,000 events, {times:5.1f} x, {refused:,} refused")
    return int(any(seconds > LIMIT * ordinary[0] and not refused for seconds, refused in costs.values()))


def cost(orders: int, events: int) -> tuple[float, int]:
    """CPU seconds of 1,000 further events, and how many of all events were refused."""
    state, offsets = PartitionState(0, {}, {}, {}), count()
    refused = _apply(state, offsets, [_check_in(number) for number in range(orders)])
    began = time.process_time()
    for start in range(0, events, BATCH):
        refused += _apply(state, offsets, [_event(orders, start + number) for number in range(BATCH)])
    return (time.process_time() - began) * 1000 / events, refused


def _apply(state: PartitionState, offsets: Any, events: list[dict[str, Any]]) -> int:
    batch = [(next(offsets), decode_event(json.dumps(event).encode())) for event in events]
    return len(state.apply(batch).diverted)


def _event(orders: int, number: int) -> dict[str, Any]:
    """One check-in in six events, as in a visit of six; the others are of the visits before."""
    if number % 6 == 0:
        return _check_in(orders + number // 6)
    return {**_common((number * 7919) % orders, f"r{number}"), "type": "repair", "phase": "started", "job_id": "J1"}


def _check_in(order: int) -> dict[str, Any]:
    return {**_common(order, "c"), "type": "check_in", "customer_id": "K1", "lane": "standard"}


def _common(order: int, event: str) -> dict[str, Any]:
    at = START_MS + order * 1000 + (len(event) > 1) * 60_000
    when = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(at / 1000))
    names = {"event_id": f"{order}-{event}", "order_id": f"O{order}", "vehicle_id": "UNKNOWN", "center_id": "C1"}
    return {**names, "occurred_at": f"{when}.000Z"}


if __name__ == "__main__":
    raise SystemExit(main())
