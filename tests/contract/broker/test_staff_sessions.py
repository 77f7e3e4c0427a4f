"""Signing out lasts: what one process ended is over in the next one, which reads the topic before it opens."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fixtrail.web.accounts.sessions import Sessions
from fixtrail.web.accounts.users import Account, Directory
from fixtrail.web.events import Events
from runtime.kafka.table import follow_tables
from tests.contract.broker.clients import Lab, eventually

HASHED = "$argon2id$v=19$m=65536,t=3,p=4$c29tZXNhbHQ$c29tZWhhc2g"
LIN = Account(name="lin", centers=("C1",), password=HASHED)
USERS = f'[[user]]\nname = "lin"\ncenters = ["C1"]\npassword = "{HASHED}"'


@asynccontextmanager
async def web_process(lab: Lab, topic: str) -> AsyncIterator[Sessions]:
    """The part of a web server that knows sessions, from its start to its end."""
    sessions = Sessions(b"secret", Directory(None, USERS), idle_s=600, absolute_s=3600)
    sessions.records.topic = topic
    kafka = {"bootstrap_servers": lab.bootstrap}
    events = Events(kafka)
    tasks = [
        asyncio.create_task(work)
        for work in (events.run(), follow_tables(kafka, [sessions.records]), sessions.records.send(events.write))
    ]
    try:
        async with asyncio.timeout(30):
            await sessions.records.read.wait()
        yield sessions
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def test_a_cookie_that_was_signed_out_is_refused_after_a_restart(lab: Lab):
    topic = await lab.topic(cleanup_policy="compact,delete")
    async with web_process(lab, topic) as sessions:
        out, stays = sessions.begin(LIN), sessions.begin(LIN)
        cookies = [sessions.seal(session) for session in (out, stays)]
        sessions.end(out)
        assert await sessions.records.flush()
    async with web_process(lab, topic) as sessions:
        assert [sessions.open(cookie) is None for cookie in cookies] == [True, False]
        assert list(sessions.open_sessions("lin")) == [stays.id]
        sessions.end_all("lin")
        assert await sessions.records.flush()
    async with web_process(lab, topic) as sessions:
        assert [sessions.open(cookie) is None for cookie in cookies] == [True, True]


async def test_what_one_replica_ends_is_soon_over_in_the_others(lab: Lab):
    topic = await lab.topic(cleanup_policy="compact,delete")
    async with web_process(lab, topic) as here, web_process(lab, topic) as there:
        session = here.begin(LIN)
        cookie = here.seal(session)
        assert there.open(cookie) is not None
        here.end(session)

        async def is_over() -> bool:
            return there.open(cookie) is None

        await eventually(is_over)
