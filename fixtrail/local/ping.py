"""Whether a server still answers: a process that runs may have stopped listening, or stand still."""

import asyncio
import http.client
import urllib.error
import urllib.request

EVERY_S = 5.0
# A machine that is busy with something else may leave a server without processor time for so long.
ANSWER_LIMIT_S = 10.0
MOST_UNANSWERED = 3


def answers(url: str, limit_s: float = ANSWER_LIMIT_S) -> bool:
    """Whether a GET of the URL is answered in time, with success."""
    try:
        with urllib.request.urlopen(url, timeout=limit_s):
            return True
    except (urllib.error.URLError, OSError, http.client.HTTPException):
        return False


async def until_silent(url: str) -> None:
    """Returns once the URL was asked several times, one after the other, and never answered."""
    unanswered = 0
    while unanswered < MOST_UNANSWERED:
        await asyncio.sleep(EVERY_S)
        unanswered = 0 if await asyncio.to_thread(answers, url, ANSWER_LIMIT_S) else unanswered + 1
