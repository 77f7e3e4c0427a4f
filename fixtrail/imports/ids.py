"""Event ids that are the same each time the same log is imported."""

from hashlib import sha256

LONGEST = 128
# The digits that an ordinal is padded to: ids of one case then sort as its rows do.
DIGITS = 6


def event_id(namespace: str, case: str, ordinal: int, rule: int | None) -> str:
    """`namespace:case:ordinal`, with `:rule` where one row can make several events; at most 128 characters.

    Events of one time sort by id (CONTRACT section 2), so the zero-padded ordinal keeps the log's order. A case too
    long for an id gives its beginning and a hash of the whole.
    """
    tail = f":{ordinal:0{DIGITS}}" if rule is None else f":{ordinal:0{DIGITS}}:{rule:02}"
    room = LONGEST - len(namespace) - 1 - len(tail)
    if len(case) > room:
        digest = sha256(case.encode("utf-8", "surrogatepass")).hexdigest()[:24]
        case = f"{case[: room - 25]}~{digest}"
    return f"{namespace}:{case}{tail}"
