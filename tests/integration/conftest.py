import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.providers.postgres import a_postgres, find_postgres
from tests.stack import Stack

MakeStack = Callable[..., Stack]

# FIXTRAIL_TEST_EVENTS=50000 runs the end-to-end tests at the size of the promise, FIXTRAIL_TEST_SEED=2 on another feed,
# FIXTRAIL_TEST_AT_LENGTH=1 with more kills.
EVENTS = int(os.environ.get("FIXTRAIL_TEST_EVENTS", "20000"))
AT_LENGTH = os.environ.get("FIXTRAIL_TEST_AT_LENGTH") == "1"
SEED = int(os.environ.get("FIXTRAIL_TEST_SEED", "1"))


@pytest.fixture
def make_stack(tmp_path: Path) -> Iterator[MakeStack]:
    """Starts a stack of the test's own: `make_stack(workers=2)`. All are stopped in good order at the end."""
    with ExitStack() as running:

        def make(**options: Any) -> Stack:
            return running.enter_context(Stack(tmp_path / "stack", **options))

        yield make


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The DSN of a PostgreSQL that runs for these tests alone; skipped where none is installed."""
    programs = find_postgres()
    if programs is None:
        pytest.skip("no PostgreSQL is installed here (apt-get install postgresql)")
    with a_postgres(programs) as dsn:
        yield dsn
