"""The bodies of small forms, which must arrive whole and in time."""

import asyncio

from fastapi import HTTPException
from starlette.requests import Request


class BodyTooLongError(ValueError):
    """The body is longer than any form of ours."""


async def small_body(request: Request, most: int, within_s: float) -> bytes:
    """The body. Raises BodyTooLongError, HTTPException (408) for one that comes too slowly, or ClientDisconnect."""
    body = bytearray()
    try:
        async with asyncio.timeout(within_s):
            async for piece in request.stream():
                body += piece
                if len(body) > most:
                    raise BodyTooLongError
    except TimeoutError:
        raise HTTPException(408, headers={"Connection": "close"}) from None
    return bytes(body)
