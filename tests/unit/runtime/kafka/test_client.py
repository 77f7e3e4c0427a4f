"""Letting go of Kafka's clients while Kafka is away: it ends, and a stop of our own is heard all the same."""

import asyncio

import pytest
from aiokafka.errors import KafkaConnectionError

from runtime.kafka.client import stop_client


class Connections:
    closed = False

    async def close(self) -> None:
        self.closed = True


class Client:
    """Ends as it is told; what aiokafka does when a fetch that it cancelled was waiting for a broker."""

    def __init__(self, raises: BaseException | None = None, takes_s: float = 0.0) -> None:
        self._client, self._raises, self._takes_s = Connections(), raises, takes_s

    async def stop(self) -> None:
        await asyncio.sleep(self._takes_s)
        if self._raises is not None:
            raise self._raises


@pytest.mark.parametrize("error", [None, KafkaConnectionError(), OSError("reset")])
async def test_what_goes_wrong_at_the_end_is_over(error: BaseException | None):
    await stop_client(Client(error))


async def test_a_client_that_does_not_end_is_given_up():
    await stop_client(Client(takes_s=60), limit_s=0.05)


async def test_a_cancelled_fetch_of_the_clients_own_ends_nobody_else():
    client = Client(asyncio.CancelledError())

    await stop_client(client)

    assert client._client.closed, "or its connections would stay open"


async def test_a_stop_of_our_own_is_heard():
    task = asyncio.create_task(stop_client(Client(takes_s=60)))
    await asyncio.sleep(0.01)
    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_task_that_is_being_stopped_goes_on_with_its_end():
    """As in a `finally`: the task was cancelled before, and the client's own error must not hide what comes next."""
    reached = []

    async def work() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            await stop_client(Client(asyncio.CancelledError()))
            reached.append("end")

    task = asyncio.create_task(work())
    await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert reached == ["end"]
