"""How an exception is told in a log: where and what kind, and its message where that cannot hold a customer's data."""

import traceback
from collections.abc import Iterator

# Code that has events, facts or addresses in hand: what is raised below it may quote them.
_SEES_DATA = ("/schemas/", "/streams/journey/", "/sinks/clickhouse/", "/sinks/push/", "/fixtrail/web/")
_WITHHELD = "(message withheld, it may be personal)"


def told_exception(error: BaseException | None) -> str:
    """The traceback of an exception and of those that led to it, first things first."""
    chain = list(_chain(error))
    frames = ["".join(traceback.format_tb(each.__traceback__)) for each in chain]
    # One that followed from another may quote it.
    sees_data = any(part in each for part in _SEES_DATA for each in frames)
    told = [_told(each, above, sees_data) for each, above in zip(chain, frames, strict=True)]
    return "\nwhich led to\n".join(reversed(told)) or "no exception"


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)


def _told(error: BaseException, frames: str, sees_data: bool) -> str:
    kind = f"{type(error).__module__}.{type(error).__qualname__}".removeprefix("builtins.")
    grouped = error.exceptions if isinstance(error, BaseExceptionGroup) else ()
    within = "".join(f"\nof which\n{told_exception(each)}" for each in grouped)
    return f"{frames}{kind}: {_WITHHELD if sees_data else error}{within}"
