"""A provider is not driven harder than it bears, and is left alone while it is dead."""

from sinks.push.pace import FAILURES, FIRST_PAUSE_S, LONGEST_PAUSE_S, Breaker, Bucket


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_bucket_gives_a_seconds_worth_at_once_and_then_as_time_goes_by():
    clock = Clock()
    bucket = Bucket(10, clock)

    assert (bucket.acquire(25), bucket.acquire(25)) == (10, 0)
    clock.now += 0.5
    assert bucket.acquire(25) == 5
    assert 0 < bucket.wait_s <= 0.1


def test_a_slow_bucket_still_gives_one_now_and_then():
    clock = Clock()
    bucket = Bucket(0.1, clock)

    assert (bucket.acquire(1), bucket.acquire(1)) == (1, 0)
    clock.now += 10
    assert bucket.acquire(5) == 1


def test_what_was_not_used_can_be_used_later():
    bucket = Bucket(10, Clock())
    bucket.acquire(10)
    bucket.give_back(4)

    assert bucket.acquire(10) == 4


def test_without_a_limit_there_is_none():
    bucket = Bucket(0, Clock())

    assert (bucket.acquire(10_000), bucket.wait_s) == (10_000, 0.0)


def test_a_provider_that_fails_again_and_again_is_left_alone_for_longer_and_longer():
    clock = Clock()
    breaker = Breaker(clock)
    for _ in range(FAILURES - 1):
        breaker.failed()
    assert breaker.allow(8) == 8

    breaker.failed()
    assert (breaker.allow(8), breaker.wait_s) == (0, FIRST_PAUSE_S)
    clock.now += FIRST_PAUSE_S
    assert breaker.allow(8) == 1, "one looks whether anybody is there"
    breaker.failed()
    assert breaker.wait_s == 2 * FIRST_PAUSE_S


def test_a_pause_does_not_grow_for_ever():
    clock = Clock()
    breaker = Breaker(clock)
    for _ in range(100):
        clock.now += breaker.wait_s
        breaker.failed()

    assert breaker.wait_s == LONGEST_PAUSE_S


def test_an_answer_of_whatever_kind_ends_it():
    clock = Clock()
    breaker = Breaker(clock)
    for _ in range(FAILURES):
        breaker.failed()
    clock.now += FIRST_PAUSE_S
    breaker.answered()

    assert breaker.allow(8) == 8


def test_who_asks_to_be_left_alone_is():
    clock = Clock()
    breaker = Breaker(clock)
    breaker.failed(retry_after_s=30)

    assert (breaker.allow(8), breaker.wait_s) == (0, 30)
    clock.now += 30
    assert breaker.allow(8) == 8


def test_a_failure_without_a_header_does_not_shorten_the_pause_asked_for():
    breaker = Breaker(Clock())
    breaker.failed(retry_after_s=600)
    for _ in range(FAILURES):
        breaker.failed()
    breaker.answered()

    assert (breaker.asked_wait_s, breaker.wait_s) == (600, 600)


def test_twenty_calls_that_fail_together_make_one_pause():
    breaker = Breaker(Clock())
    for _ in range(20):
        breaker.failed()

    assert breaker.wait_s == FIRST_PAUSE_S
