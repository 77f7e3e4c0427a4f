"""Progress on stderr, only where a person is looking."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

_EVERY_BYTES = 100_000


@contextmanager
def bytes_bar(title: str, total: int | None) -> Iterator[Callable[[int], object]]:
    """A function to call with each number of bytes done; shows a bar if stderr is a terminal, else does nothing."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    with _bar() as progress:
        task = progress.add_task(title, total=total)
        total_done = displayed = 0

        def moved(count: int) -> None:
            nonlocal total_done, displayed
            total_done += count
            # Not at every line: an update costs more than a line.
            if total_done - displayed > _EVERY_BYTES:
                progress.update(task, completed=total_done)
                displayed = total_done

        yield moved


@contextmanager
def share_bar(title: str) -> Iterator[Callable[[int, int], None]]:
    """A function to call with (done, total), in any unit."""
    if not sys.stderr.isatty():
        yield lambda _, __: None
        return
    with _bar() as progress:
        task = progress.add_task(title, total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)


@contextmanager
def text_bar(title: str) -> Iterator[Callable[[str], object]]:
    """A function to call with the text beside a spinner."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console

    with Console(stderr=True).status(title) as status:
        yield lambda text: status.update(f"{title}: {text}")


def _bar() -> Any:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    return Progress(*columns, console=Console(stderr=True), transient=True)
