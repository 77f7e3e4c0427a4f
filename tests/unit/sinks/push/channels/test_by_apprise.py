"""Apprise says only yes or no; what its log proves decides whether a message may be sent again."""

import asyncio
from typing import Any

import pytest
from requests import Response
from requests.adapters import HTTPAdapter

from sinks.push.channel import Accepted, Answer, NotSent, Rejected, Unclear
from sinks.push.channels.by_apprise import ByApprise, answer_from_log
from sinks.push.config import AppriseSection
from tests.providers.messages import a_message


@pytest.mark.parametrize(
    "text",
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
def test_surely_not_sent(text: str):
    assert isinstance(answer_from_log(text), NotSent)


@pytest.mark.parametrize(
    "text",
    [
        "Socket Exception: {'a@b.example': (550, b'5.1.1 no such user')}",
        "SMTP recipient a@b.example was refused: 550 b'no such user'",
        "Socket Exception: (554, b'5.7.1 spam')",
        "Failed to send X notification to Y: Bad request, error=400.",
    ],
)
def test_refused_for_good(text: str):
    assert isinstance(answer_from_log(text), Rejected)


@pytest.mark.parametrize(
    "text",
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
def test_nobody_knows(text: str):
    assert isinstance(answer_from_log(text), Unclear)


def test_no_address_is_in_any_answer():
    assert "example" not in repr(answer_from_log("Socket Exception: {'a@b.example': (550, b'5.1.1 no such user')}"))


WECOM, DINGTALK = "wecombot://6932753a-ae5d-43c4-95c8-1234567890ab", f"dingtalk://{'0123456789abcdef' * 4}"
FEISHU = "feishu://0123abcd-0000-1111-2222-333344445555"


@pytest.mark.parametrize(
    ("url", "content", "answer"),
    [
        (WECOM, b'{"errcode":0,"errmsg":"ok"}', Accepted),
        (WECOM, b'{"errcode":93000,"errmsg":"invalid webhook url"}', Rejected),
        (WECOM, b'{"errcode":45009,"errmsg":"api freq out of limit"}', NotSent),
        (WECOM, b'{"errcode":-1,"errmsg":"system busy"}', Unclear),
        (DINGTALK, b'{"errcode":0,"errmsg":"ok"}', Accepted),
        (DINGTALK, b'{"errcode":300001,"errmsg":"token is not exist"}', Rejected),
        (DINGTALK, b'{"errcode":130101,"errmsg":"send too fast"}', NotSent),
        (FEISHU, b'{"StatusCode":0,"StatusMessage":"success","code":0,"data":{},"msg":"success"}', Accepted),
        (FEISHU, b'{"code":19001,"msg":"incoming webhook access token invalid","data":{}}', Rejected),
        ("json://example.com/", b'{"code":19001,"errcode":93000}', Accepted),
        (WECOM, b"no json", Accepted),
    ],
)
def test_a_robot_that_answers_200_with_an_error_has_posted_nothing(
    url: str, content: bytes, answer: type[Answer], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(HTTPAdapter, "send", lambda _self, request, **_: response_with(request, content))

    async def send() -> Answer:
        options: dict[str, Any] = {"concurrency": 1, "a_second": None, "timeout_s": 5.0}
        channel = ByApprise("robot", AppriseSection.model_construct(url=url, style="short", **options))
        try:
            return await channel.send(a_message("short", "ops"))
        finally:
            await channel.close()

    assert isinstance(asyncio.run(send()), answer)


def response_with(request: Any, content: bytes) -> Response:
    response = Response()
    response.status_code, response._content, response.url, response.request = 200, content, request.url, request
    return response
