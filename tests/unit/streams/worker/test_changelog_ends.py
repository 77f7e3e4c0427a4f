"""A recovery that ended before the end of its changelog."""

from types import SimpleNamespace
from typing import Any

from streams.worker.changelog_ends import ChangelogEnds


def a_write(offset: int, partition: int = 0) -> Any:
    return SimpleNamespace(topic="orders-changelog", partition=partition, offset=offset)


def test_a_recovery_that_ended_before_the_end_of_its_changelog_shows_at_the_first_write():
    """A new leader told an end of 12 where 900 records were: without this the state would lack them in silence."""
    ends = ChangelogEnds(lambda topic, partition: {0: 12, 1: 0}.get(partition))

    assert ends.unread(a_write(900)) == 888
    assert ends.unread(a_write(0, partition=1)) == 0
    assert ends.unread(a_write(5, partition=1)) == 0, "our own second write"
    assert ends.unread(a_write(7, partition=2)) == 0, "not recovered by us"
    ends.forget()
    assert ends.unread(a_write(12)) == 0
    ends.forget()
    assert ends.unread(a_write(-1)) == 0, "acknowledged twice, without an offset"
