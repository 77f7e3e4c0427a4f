"""The console: what would be said, as a line of this process's log. No address appears, and no link that opens."""

import logging

from sinks.push.channel import Accepted, Answer, ConsentNeeded, Message, Traits
from sinks.push.config import ConsoleSection
from sinks.push.words.wording import ORDER, plain

log = logging.getLogger(__name__)


class Console:
    name = "console"

    def __init__(self, section: ConsoleSection) -> None:
        self.traits = Traits(
            style="line",
            interrupts=False,
            digests=False,
            concurrency=section.concurrency or 8,
            a_second=section.a_second or 0.0,
            timeout_s=section.timeout_s or 5.0,
        )

    def lane(self, address: str) -> str:
        return ""

    def consent(self, milestone: str) -> ConsentNeeded | None:
        return None

    async def send(self, message: Message) -> Answer:
        order = plain(message.order_id, ORDER)
        log.info("notice for order %s: %s: %s", order, message.milestone, _without_token(message))
        return Accepted()

    async def close(self) -> None:
        pass


def _without_token(message: Message) -> str:
    """The text with the link's last part masked: who reads the log may see where it leads, not open the page."""
    if not message.link:
        return message.words.short
    return message.words.short.replace(message.link, f"{message.link.rpartition('/')[0]}/…")
