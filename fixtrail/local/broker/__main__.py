"""`python -m fixtrail.local.broker`: serve a data folder on 127.0.0.1 until SIGTERM or SIGINT."""

import argparse
import asyncio
import logging
import resource
import signal
import sys
from pathlib import Path

import uvloop

from fixtrail.local.broker.broker import HOST, Broker, BrokerOptions, FolderInUseError
from fixtrail.local.broker.connection import Connection

log = logging.getLogger("fixtrail.local.broker")

EX_SOFTWARE, EX_CONFIG = 70, 78


def main() -> int:
    """The exit code: 0 after a stop by signal, 70 after a bug of its own, 78 when folder or port is taken."""
    options = _options()
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    _allow_many_files()
    try:
        broker = Broker(options)
    except FolderInUseError as error:
        log.error("%s", error)
        return EX_CONFIG
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_serve(broker))


async def _serve(broker: Broker) -> int:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    connections: set[Connection] = set()
    try:
        server = await loop.create_server(lambda: Connection(broker, connections), HOST, broker.port)
    except OSError as error:
        log.error("cannot listen on %s:%d: %s", HOST, broker.port, error.strerror)
        return EX_CONFIG
    broker.port = server.sockets[0].getsockname()[1]
    log.info(
        "development broker on %s:%d, data in %s: for one machine and development only, not for production",
        HOST,
        broker.port,
        broker.options.data,
    )
    upkeep = asyncio.create_task(broker.upkeep())
    print(f"ready {HOST}:{broker.port}", flush=True)
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait({upkeep, stopping}, return_when=asyncio.FIRST_COMPLETED)
    if upkeep.done():
        log.critical("upkeep failed: ending rather than filling the disk", exc_info=upkeep.exception())
        return EX_SOFTWARE
    log.info("stopping")
    upkeep.cancel()
    server.close()
    for connection in tuple(connections):
        connection.close()
    broker.close()
    return 0


def _allow_many_files() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, 65536)), hard))


def _options() -> BrokerOptions:
    parser = argparse.ArgumentParser(prog="python -m fixtrail.local.broker", description=__doc__)
    parser.add_argument("--port", type=int, required=True, help="port on 127.0.0.1; 0 picks a free one")
    parser.add_argument("--data", type=Path, required=True, help="folder of topics and offsets; made when missing")
    parser.add_argument("--auto-create", action="store_true", help="create topics when a client first names them")
    parser.add_argument("--default-partitions", type=int, default=1, help="of topics that name no number")
    parser.add_argument("--shortest-session", type=float, default=6.0, metavar="SECONDS", help="a member may ask for")
    parser.add_argument("--upkeep-every", type=float, default=15.0, metavar="SECONDS", help="retention and compaction")
    arguments = parser.parse_args()
    return BrokerOptions(
        data=arguments.data,
        port=arguments.port,
        auto_create=arguments.auto_create,
        default_partitions=arguments.default_partitions,
        shortest_session_s=arguments.shortest_session,
        upkeep_every_s=arguments.upkeep_every,
    )


if __name__ == "__main__":
    sys.exit(main())
