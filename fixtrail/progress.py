"""Progress bars on stderr, only where a person is looking."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def bytes_bar(title: str, total: int | None) -> Iterator[Callable[[int], object]]:
    """A function to call with each number of bytes done; it shows a bar if stderr is a terminal, else does nothing."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

    columns = (TextColumn(title), BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(title, total=total)
        shown = 0
        done = 0

        def moved(count: int) -> None:
            nonlocal shown, done
            done += count
            # Not at every line: an update costs more than a line.
            if done - shown > 100_000:
                progress.update(task, completed=done)
                shown = done

        yield moved
