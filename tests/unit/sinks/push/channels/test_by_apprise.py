"""Apprise says only yes or no; what its log proves decides whether a message may be sent again."""

import pytest

from sinks.push.channels.by_apprise import answer_from_log
from sinks.push.channels.channel import NotSent, Rejected, Unclear


@pytest.mark.parametrize(
    "said",
    [
        "Socket Exception: [Errno 111] Connection refused",
        "Socket Exception: HTTPConnectionPool(host='h', port=1): (Caused by NewConnectionError(...))",
        "Socket Exception: [Errno -2] Name or service not known",
        "Socket Exception: (451, b'4.7.1 try again later')",
        "Failed to send X notification to Y: Too many requests, error=429.",
        "Socket Exception: (535, b'5.7.8 bad login')",
        "Failed to send X notification: Unauthorized, error=401.",
    ],
)
def test_surely_not_sent(said: str):
    assert isinstance(answer_from_log(said), NotSent)


@pytest.mark.parametrize(
    "said",
    [
        "Socket Exception: {'a@b.example': (550, b'5.1.1 no such user')}",
        "SMTP recipient a@b.example was refused: 550 b'no such user'",
        "Socket Exception: (554, b'5.7.1 spam')",
        "Failed to send X notification to Y: Bad request, error=400.",
    ],
)
def test_refused_for_good(said: str):
    assert isinstance(answer_from_log(said), Rejected)


@pytest.mark.parametrize(
    "said",
    [
        "",
        "Socket Exception: Connection unexpectedly closed",
        "Socket Exception: timed out",
        "Socket Exception: HTTPConnectionPool(host='h', port=1): Read timed out. (read timeout=4.0)",
        "Failed to send X notification to Y: Internal Server Error., error=500.",
        "Failed to send Twilio notification to Y: Invalid number, error=21211.",
        "('Connection aborted.', ConnectionResetError(104, 'Connection reset by peer'))",
    ],
)
def test_nobody_knows(said: str):
    assert isinstance(answer_from_log(said), Unclear)


def test_no_address_is_in_any_answer():
    assert "example" not in repr(answer_from_log("Socket Exception: {'a@b.example': (550, b'5.1.1 no such user')}"))
