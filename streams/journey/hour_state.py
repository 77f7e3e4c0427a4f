"""What the hours table holds: each order's contribution to one center's hour, as one partition knows it."""

import msgspec

from streams.journey.center_hours import Contribution


class Share(msgspec.Struct, array_like=True, gc=False):
    """What an order adds to the hour, None where it has left it, and the version of the order's facts that says so."""

    version: int
    contribution: Contribution | None


class HourState(msgspec.Struct, array_like=True):
    """The hour's shares by order, and the event time when it was last changed; None once it is let go."""

    clock: int | None
    shares: dict[str, Share] = msgspec.field(default_factory=dict)


decode_hour = msgspec.json.Decoder(HourState).decode
