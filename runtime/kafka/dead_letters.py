"""Dead letters: a refused record goes to the dead letter topic, whole if that takes it, else with its value cut."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, MessageSizeTooLargeError

from runtime.kafka.client import stop_client
from runtime.progress import Progress
from runtime.retry import Retry
from schemas.dead_letter import DeadLetter, Header
from schemas.topics import LARGEST_DEAD_LETTER, dead_letters_of

# Larger than any record of our topics with all headers: the topic is what says how large a letter may be.
MAX_REQUEST_BYTES = 16 * 1024 * 1024
# With its headers it fits into a topic that was made with Kafka's default, 1,048,588 bytes.
FIRST_CUT_BYTES = 1_000_000
STOP_LIMIT_S = 2.0
# With what a batch has around it.
_LARGEST = LARGEST_DEAD_LETTER - 1024

# Value, key and headers of a record of the dead letter topic.
Letter = tuple[bytes | None, bytes | None, list[Header]]


class DeadLetters:
    """Writes dead letters; the producer is made at the first one, and anew after each failure."""

    def __init__(self, kafka: Mapping[str, Any], retry: Retry, progress: Progress) -> None:
        self._kafka, self._retry, self._progress = kafka, retry, progress
        self._producer: Any = None

    async def send(self, record: Any, code: str, reason: str) -> None:
        """Returns once Kafka has acknowledged the letter; waits for as long as that takes. Raises StopRequestedError.

        Repeated after a lost acknowledgement, it stands there twice: readers count one letter for each origin.
        """
        await self._retry.until_done(
            partial(self._send, record, code, reason), (KafkaError, OSError), "a dead letter could not be sent"
        )
        self._progress.count("dead_letters", code)

    async def close(self) -> None:
        producer, self._producer = self._producer, None
        if producer is not None:
            await stop_client(producer, STOP_LIMIT_S)

    async def _send(self, record: Any, code: str, reason: str) -> None:
        too_large = MessageSizeTooLargeError()
        for value, key, headers in letters(record, code, reason):
            try:
                if self._producer is None:
                    self._producer = AIOKafkaProducer(
                        **self._kafka, acks="all", enable_idempotence=True, max_request_size=MAX_REQUEST_BYTES
                    )
                    await self._producer.start()
                await self._producer.send_and_wait(dead_letters_of(record.topic), value, key=key, headers=headers)
                return
            except MessageSizeTooLargeError as error:
                too_large = error
                # Its sequence number is spent: the broker would refuse this producer's next record.
                await self.close()
            except BaseException:
                await self.close()
                raise
        raise too_large


def fitting_letter(record: Any, code: str, reason: str) -> Letter:
    """The largest dead letter of a record that its topic takes, as `fixtrail migrate` makes that.

    Kafka limits what is sent, not what it unpacks to: a refused record may be larger than any topic of ours takes.
    """
    for letter in letters(record, code, reason):
        value, key, headers = letter
        if _size(value) + _size(key) + sum(len(name) + _size(content) + 16 for name, content in headers) < _LARGEST:
            break
    return letter


def _size(content: bytes | None) -> int:
    return len(content or b"")


def letters(record: Any, code: str, reason: str) -> Iterator[Letter]:
    """The dead letter of a record, and ever smaller ones for a topic that takes no larger one.

    All but the first say in a header that their value was cut. The last has no value, no key and no headers but ours.
    """
    uncut = DeadLetter(code, reason, record.topic, record.partition, record.offset, record.timestamp)
    original, value = tuple(record.headers), record.value or b""
    yield record.value, record.key, uncut.headers(original)
    cut = replace(uncut, value_cut=len(value))
    size = min(FIRST_CUT_BYTES, len(value) - 1)
    while size > 0:
        yield value[:size], record.key, cut.headers(original)
        size //= 2
    yield None, None, cut.headers()
