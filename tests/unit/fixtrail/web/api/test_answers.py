"""Answers that a repeated request gets are kept for a day, and only as many as fit."""

import pytest

from fixtrail.web.api.answers import Answer, Answers
from fixtrail.web.api.problems import ApiError


def answer(size: int = 10) -> Answer:
    return Answer(202, b"x" * size, "application/json")


def store_answer(answers: Answers, key: str, size: int = 10) -> None:
    assert answers.begin("owner", key, b"body") is None
    answers.end("owner", key, answer(size))


def test_the_oldest_go_where_there_are_too_many():
    answers = Answers(kept_bytes=5_000)
    for number in range(10):
        store_answer(answers, f"k{number}", 1_000)

    assert answers.begin("owner", "k9", b"body") == answer(1_000)
    assert answers.begin("owner", "k0", b"body") is None, "it is new again"


def test_an_answer_is_forgotten_after_its_time(monkeypatch: pytest.MonkeyPatch):
    now = 100.0
    monkeypatch.setattr("fixtrail.web.api.answers.time.monotonic", lambda: now)
    answers = Answers(kept_s=60)
    store_answer(answers, "k")
    now = 160.0
    assert answers.begin("owner", "k", b"body") == answer()

    now = 160.5
    assert answers.begin("owner", "k", b"body") is None


def test_what_is_under_way_is_not_forgotten():
    answers = Answers(kept_bytes=100)
    assert answers.begin("owner", "first", b"body") is None
    store_answer(answers, "second", 1_000)

    with pytest.raises(ApiError, match="idempotency-key-in-use"):
        answers.begin("owner", "first", b"body")


def test_two_owners_may_use_the_same_key():
    answers = Answers()
    store_answer(answers, "k")

    assert answers.begin("another", "k", b"other body") is None
