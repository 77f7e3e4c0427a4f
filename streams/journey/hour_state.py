"""The state of a center's hour in one partition: each order's contribution to it."""

import msgspec

from streams.journey.center_hours import Contribution


class Share(msgspec.Struct, array_like=True, gc=False):
    """An order's contribution to the hour, None after it has moved to another, and the version of the order's facts."""

    version: int
    contribution: Contribution | None


class HourState(msgspec.Struct, array_like=True):
    """The hour's shares by order, and the event time when it was last changed; None once it is dropped."""

    clock: int | None
    shares: dict[str, Share] = msgspec.field(default_factory=dict)


decode_hour = msgspec.json.Decoder(HourState).decode


class _HourClock(msgspec.Struct, array_like=True):
    clock: int | None


_decode_clock = msgspec.json.Decoder(_HourClock).decode


def hour_clock(state: bytes) -> int | None:
    """The hour's clock alone: its shares are passed over."""
    return _decode_clock(state).clock
