"""Group commit for the ledger: concurrent writes share one transaction and one fsync."""

import asyncio
import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from queue import SimpleQueue
from typing import Any, TypeVar

from runtime.progress import Progress
from runtime.store import Store, StoreUnavailableError

log = logging.getLogger(__name__)

T = TypeVar("T")
Work = Callable[[Store], Any]

MOST_TASKS = 256
LONGEST_PAUSE_S = 10.0


@dataclass(slots=True)
class _Task:
    work: Work
    answer: asyncio.Future[Any]


class GroupCommitThread:
    """A thread that owns the store. `await thread.execute(work)` returns once what `work` wrote is durable.

    While the database is away, everything waits and is tried again; `work` may run more than once, but only the run
    that was committed counts.
    """

    def __init__(self, store: Store, progress: Progress) -> None:
        self._store, self._progress = store, progress
        self._tasks: SimpleQueue[_Task | None] = SimpleQueue()
        self._loop = asyncio.get_running_loop()
        self._closing = threading.Event()
        self._is_away = False
        self._thread = threading.Thread(target=self._serve, name="ledger", daemon=True)
        self._thread.start()

    async def execute(self, work: Callable[[Store], T]) -> T:
        """Run `work` in a shared transaction and return its result. If it raises, nothing of it is written."""
        task = _Task(work, self._loop.create_future())
        self._tasks.put(task)
        answer: T = await task.answer
        return answer

    async def close(self) -> None:
        """Finish the accepted work, then close the database."""
        self._closing.set()
        self._tasks.put(None)
        await asyncio.to_thread(self._thread.join, 2 * LONGEST_PAUSE_S)

    def _serve(self) -> None:
        is_open = True
        while is_open:
            tasks = [self._tasks.get()]
            while len(tasks) < MOST_TASKS and not self._tasks.empty():
                tasks.append(self._tasks.get())
            is_open = None not in tasks
            if accepted := [task for task in tasks if task is not None]:
                results = self._results(accepted)
                self._loop.call_soon_threadsafe(_answer, results)
        self._store.close()

    def _results(self, tasks: list[_Task]) -> list[tuple[_Task, Any, BaseException | None]]:
        """The result or error of each. One that raises does not undo the others."""
        try:
            return [(task, result, None) for task, result in zip(tasks, self._write(tasks), strict=True)]
        except StoreUnavailableError as error:
            return [(task, None, error) for task in tasks]
        except Exception as error:
            if len(tasks) == 1:
                return [(tasks[0], None, error)]
            return [outcome for task in tasks for outcome in self._results([task])]

    def _write(self, tasks: list[_Task]) -> list[Any]:
        """Their results, once all are committed. Raises StoreUnavailableError only when closing."""
        pause = 0.1
        while True:
            try:
                self._store.begin()
                results = [task.work(self._store) for task in tasks]
                self._store.commit()
                self._note_outage(False)
                return results
            except StoreUnavailableError as error:
                self._store.rollback()
                if self._closing.is_set():
                    raise
                self._note_outage(True)
                log.warning("the ledger is away: %s; next attempt in %.1f s", error, pause)
                time.sleep(pause)
                pause = min(LONGEST_PAUSE_S, pause * 2)
            except BaseException:
                self._store.rollback()
                raise

    def _note_outage(self, is_away: bool) -> None:
        """Waiting for the database is progress, but what was read does not get where it belongs."""
        if is_away or self._is_away:
            self._loop.call_soon_threadsafe(self._show_outage, is_away - self._is_away)
            self._is_away = is_away

    def _show_outage(self, change: int) -> None:
        self._progress.outages += change
        if change > 0:
            self._progress.waits[self] = "the ledger is away"
        elif change < 0:
            self._progress.waits.pop(self, None)
        self._progress.moved += 1


def _answer(results: list[tuple[_Task, Any, BaseException | None]]) -> None:
    for task, result, error in results:
        if task.answer.done():
            continue
        if error is None:
            task.answer.set_result(result)
        else:
            task.answer.set_exception(error)
