"""A box's look at its topics and its group: at its start and every few seconds, from outside its consumer."""

import asyncio
import logging
import threading
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from fixtrail.operations.kafka_rights import BOX_RIGHTS
from fixtrail.operations.topics import plan_of
from fixtrail.settings import KafkaSettings, client_options
from runtime.failure import REFUSED, fail_stop
from runtime.kafka.topic_check import TopicDifference, topic_differences
from runtime.kafka.topic_state import topic_states
from runtime.key_strength import key_id
from runtime.progress import Progress

log = logging.getLogger(__name__)

LOOK_EVERY_S = 10.0
ANSWER_LIMIT_S = 15.0
_BY_KEY = "-key-"


class TopicWatch:
    """Tells each difference of the box's topics once in its log, and as gauge; a topic missing or denied: not ready.

    `stop` ends the box where a topic has another number of partitions; without it that is only told. With `member`, the
    client id of the box's installation, strangers in its group are told of and make it not ready, too.
    """

    def __init__(
        self,
        box: str,
        settings: KafkaSettings,
        progress: Progress,
        stop: Callable[[str], object] | None = None,
        member: str | None = None,
    ) -> None:
        self._settings, self._progress, self._stop = settings, progress, stop
        self._topics, self._plan = BOX_RIGHTS[box].topics, plan_of(settings)
        self._before: set[TopicDifference] = set()
        self._group, self._member = f"{settings.app_id}{BOX_RIGHTS[box].group}", member
        self._strangers: str | None = None

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
        problems = [item.text for item in differences if item.subject in ("missing", "denied")]
        self._progress.problems = [*problems, *((self._strangers,) if self._strangers else ())]
        if self._stop and (grown := [item for item in differences if item.subject == "partitions"]):
            self._stop(grown[0].text)

    def note_members(self, members: Iterable[Mapping[str, Any]]) -> None:
        """Tell of boxes of another installation in the group: each of the two has only a part of the records."""
        hosts = {
            member["client_host"].lstrip("/")
            for member in members
            if _is_stranger(str(member["client_id"]), self._member or "")
        }
        before, self._strangers = self._strangers, None
        if hosts:
            self._strangers = (
                f"group {self._group} has members with another FIXTRAIL_HASH_KEY, at {', '.join(sorted(hosts))}: two "
                "installations share this Kafka under one FIXTRAIL_APP_ID, and each gets a part of the records "
                "(docs/runbooks/box-not-ready.md)"
            )
        if self._strangers not in (None, before):
            log.error(self._strangers)

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
                    if self._member:
                        (answer,) = await admin.describe_consumer_groups([self._group])
                        self.note_members(answer.to_object()["groups"][0]["members"])
                self.apply(topic_differences(self._topics, states, self._plan))
                await asyncio.sleep(LOOK_EVERY_S)
        finally:
            await admin.close()


def member_id(settings: KafkaSettings, secret: bytes) -> str:
    """The client id by which the members of a group see that they are of one installation."""
    return f"{settings.app_id}{_BY_KEY}{key_id(secret)}"


def _is_stranger(client_id: str, own: str) -> bool:
    """Whether it names another key; one without any is an older version's."""
    return _BY_KEY in client_id and client_id != own


def end_refused(reason: str) -> None:
    """End the process with 78."""
    fail_stop(reason, REFUSED)
