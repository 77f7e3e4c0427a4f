"""A box's look at its topics: at its start and every few seconds, in a thread of its own, from outside its consumer."""

import asyncio
import logging
import threading
from collections.abc import Callable
from typing import Any

from fixtrail.operations.kafka_rights import BOX_RIGHTS
from fixtrail.operations.topics import plan_of
from fixtrail.settings import KafkaSettings, client_options
from runtime.failure import REFUSED, fail_stop
from runtime.kafka.topic_check import TopicDifference, topic_differences
from runtime.kafka.topic_state import topic_states
from runtime.progress import Progress

log = logging.getLogger(__name__)

LOOK_EVERY_S = 10.0
ANSWER_LIMIT_S = 15.0


class TopicWatch:
    """Tells each difference of the box's topics once in its log, and as gauge; a topic missing or denied: not ready.

    `stop` ends the box where a topic has another number of partitions; without it that is only told.
    """

    def __init__(
        self, box: str, settings: KafkaSettings, progress: Progress, stop: Callable[[str], object] | None = None
    ) -> None:
        self._settings, self._progress, self._stop = settings, progress, stop
        self._topics, self._plan = BOX_RIGHTS[box].topics, plan_of(settings)
        self._before: set[TopicDifference] = set()

    def start(self) -> None:
        """Look from now on, until the process ends."""
        threading.Thread(target=lambda: asyncio.run(self._run()), name="topics", daemon=True).start()

    def apply(self, differences: list[TopicDifference]) -> None:
        """Tell what has changed since the look before."""
        present = set(differences)
        for difference in differences:
            if difference not in self._before:
                log.warning(
                    "topic differs",
                    extra={"topic": difference.topic, "subject": difference.subject, "text": difference.text},
                )
        for difference in self._before - present:
            log.info("topic differs no longer", extra={"topic": difference.topic, "subject": difference.subject})
        self._before = present
        self._progress.show("topic_differences", {(item.topic, item.subject): 1.0 for item in differences})
        self._progress.problems = [item.text for item in differences if item.subject in ("missing", "denied")]
        if self._stop and (grown := [item for item in differences if item.subject == "partitions"]):
            self._stop(grown[0].text)

    async def _run(self) -> None:
        while True:
            try:
                await self._look()
            except Exception as error:
                # Of whatever kind: it only observes, and the box itself tells that Kafka is away.
                log.debug("the topics cannot be looked at", extra={"error": type(error).__name__})
            await asyncio.sleep(LOOK_EVERY_S)

    async def _look(self) -> None:
        """Look until Kafka fails to answer. Raises what it failed with."""
        from aiokafka.admin import AIOKafkaAdminClient

        admin: Any = AIOKafkaAdminClient(**client_options(self._settings))
        try:
            async with asyncio.timeout(ANSWER_LIMIT_S):
                await admin.start()
            while True:
                async with asyncio.timeout(ANSWER_LIMIT_S):
                    states = await topic_states(admin, [topic.name for topic in self._topics], with_config=True)
                self.apply(topic_differences(self._topics, states, self._plan))
                await asyncio.sleep(LOOK_EVERY_S)
        finally:
            await admin.close()


def end_refused(reason: str) -> None:
    """End the process with 78."""
    fail_stop(reason, REFUSED)
