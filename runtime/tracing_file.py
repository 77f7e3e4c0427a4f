"""Spans as JSON lines in a file, which several processes may share: for tests, and for a look without a collector."""

import os
from collections.abc import Sequence
from pathlib import Path

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult


class SpanFile(SpanExporter):
    """Appends each span as one line."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Write the spans, each in one piece."""
        for span in spans:
            os.write(self._file, f"{span.to_json(indent=None)}\n".encode())
        return SpanExportResult.SUCCESS

    def shutdown(self) -> None:
        os.close(self._file)
