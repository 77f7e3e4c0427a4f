"""Runs the web application: the read model, the producer and the HTTP server on one event loop."""

import asyncio
import logging
import resource
import socket
from contextlib import nullcontext
from typing import Any

import uvicorn

from fixtrail.settings import client_options
from fixtrail.web.app import create_app
from fixtrail.web.config import WebConfig
from fixtrail.web.connections import Connections, timed_protocol
from fixtrail.web.context import Web, make_web
from runtime.failure import OK, REFUSED, ExitError
from runtime.kafka.table import Table, follow_tables
from runtime.progress import Progress
from runtime.tasks import end_all
from schemas.order_key import OrderKey

log = logging.getLogger(__name__)

BACKLOG = 4096
STOP_WITHIN_S = 5
LOOK_EVERY_S = 0.25
# Kafka, ClickHouse, the ledger, logs and templates are open files, too.
OTHER_FILES = 200


def _wake(web: Web, key: str) -> None:
    """Let readers of the order whose links were revoked look whether they still may."""
    try:
        orders = [OrderKey.decode(key)]
    except (ValueError, TypeError):
        orders = web.journeys.numbered(key)
    for order in orders:
        web.journeys.wake(order)


async def run_web(config: WebConfig, stop: asyncio.Event, progress: Progress) -> int:
    """Serve until `stop`; the exit code 0. Raises ExitError (78) where the port is taken."""
    _allow_many_connections()
    web = make_web(config, progress)
    web.links.revocations.on_change(lambda key, *_: _wake(web, key))
    web.calls.on_change(lambda key, *_: _wake(web, key))
    # Read together: no page opens before the revocations and the sessions that were ended are known.
    sessions = web.ops.access.sessions.records
    tables: list[Table[Any]] = [web.journeys.table, web.links.revocations, web.ops.alerts, web.calls, sessions]
    listening = listen(config.settings.web_host, config.settings.web_port)
    parts = [
        asyncio.create_task(follow_tables(client_options(config.settings), tables, progress)),
        asyncio.create_task(web.events.run()),
        asyncio.create_task(sessions.send(web.events.write)),
        asyncio.create_task(web.estimates.run(web.journeys.read, web.events.write)),
        asyncio.create_task(_show(web)),
        asyncio.create_task(web.freshness.follow_clickhouse()),
    ]
    server = _Server(server_config(web))
    serving = asyncio.create_task(server.serve(sockets=[listening]))
    stopping = asyncio.create_task(stop.wait())
    try:
        done, _ = await asyncio.wait([*parts, serving, stopping], return_when=asyncio.FIRST_COMPLETED)
        for task in done - {stopping}:
            task.result()
    finally:
        server.should_exit = True
        web.journeys.close()
        await end_all(*parts, stopping)
        await asyncio.gather(serving, return_exceptions=True)
        await web.api.producer.close()
        await asyncio.to_thread(web.api.requests.close)
        listening.close()
    return OK


def listen(host: str, port: int) -> socket.socket:
    """A socket that waits for connections; port 0 takes a free one. Raises ExitError (78)."""
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        raise ExitError(f"the pages cannot be served on {host}:{port}: {error}", REFUSED) from None
    shown_host = f"[{host}]" if ":" in host else host
    log.info("serving http://%s:%d", shown_host, listener.getsockname()[1])
    return listener


def _allow_many_connections() -> None:
    """Each live page is an open file; many systems allow 1,024 unless asked for more."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def server_config(web: Web) -> uvicorn.Config:
    """How the application is served."""
    proxies, limits = web.config.settings.web_proxies, web.config.limits
    most = min(limits.connections, resource.getrlimit(resource.RLIMIT_NOFILE)[0] - OTHER_FILES)
    protocol: Any = timed_protocol(Connections(limits, proxies, most, web.progress))
    return uvicorn.Config(
        create_app(web),
        http=protocol,
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=True,
        lifespan="off",
        ws="none",
        proxy_headers=bool(proxies),
        forwarded_allow_ips=proxies,
        backlog=BACKLOG,
        timeout_keep_alive=20,
        timeout_graceful_shutdown=STOP_WITHIN_S,
    )


class _Server(uvicorn.Server):
    """A server that leaves signals to whoever runs it."""

    def capture_signals(self) -> Any:
        return nullcontext()


async def _show(web: Web) -> None:
    """Tell health page and watchdog how it goes."""
    while True:
        web.progress.ready = web.journeys.read.is_set() and web.events.ready
        web.progress.gauges["journeys",] = len(web.journeys)
        web.progress.gauges["open_journeys",] = web.journeys.open_count
        web.progress.gauges["streams",] = web.gate.open_streams
        await asyncio.sleep(LOOK_EVERY_S)
