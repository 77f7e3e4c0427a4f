"""The first line of an order's state."""

import msgspec

Hour = tuple[str, int]  # a center's id and the hour's start in ms


class Header(msgspec.Struct, array_like=True, gc=False):
    """The newest record's offset, the center hours that the order counts in, its visit while it is open.

    `digests` has eight characters for each entry, in order of arrival (streams.journey.content_digest).
    """

    offset: int
    hours: list[Hour]
    visit: msgspec.Raw
    rules: int = 1
    digests: str = ""


decode_header = msgspec.json.Decoder(Header).decode
