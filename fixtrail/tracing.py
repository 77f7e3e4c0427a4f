"""Traces of this process, if the settings switch them on."""

from typing import TYPE_CHECKING

from fixtrail.failure import REFUSED, Failure
from fixtrail.settings import Settings

if TYPE_CHECKING:
    from sinks.tracing import Tracing


def tracing_of(settings: Settings, box: str, group: str = "") -> "Tracing | None":
    """What makes the spans of a box, or of a command; None where traces are off.

    Raises Failure (78) where they are on and the extra `otel` is not installed.
    """
    if not settings.otel and settings.otel_file is None:
        return None
    from sinks.tracing import start_tracing

    try:
        return start_tracing(f"fixtrail-{box}", group, settings.otel_file)
    except ImportError as error:
        raise Failure(f"traces need the extra `otel` (pip install 'fixtrail[otel]'): {error}", REFUSED) from None
