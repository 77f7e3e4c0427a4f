"""`python -m fixtrail.local.apache_kafka`: one Apache Kafka node (KRaft) on 127.0.0.1, until SIGTERM or SIGINT.

Its jars are those of an unpacked download of Kafka, or any folder of them; Java is the machine's. `fixtrail up --broker
kafka` runs it in the place of the embedded broker.
"""

import argparse
import asyncio
import base64
import os
import secrets
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaError

from fixtrail.local.child import die_with_parent
from fixtrail.local.ports import HOST, free_port
from runtime.failure import BUG, REFUSED, ExitError

STOP_LIMIT_S = 40.0
_LOOK_S = 0.2
_USUAL_MEMORY = "-Xmx512m -Xms128m"
_PROPERTIES = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@{host}:{controller_port}
controller.listener.names=CONTROLLER
listeners=PLAINTEXT://{host}:{port},CONTROLLER://{host}:{controller_port}
advertised.listeners=PLAINTEXT://{host}:{port}
log.dirs={logs}
auto.create.topics.enable=false
offsets.topic.num.partitions=8
offsets.topic.replication.factor=1
transaction.state.log.num.partitions=8
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
"""


def jars_of(home: Path | None) -> Path:
    """The folder of Kafka's jars: `libs` of an unpacked download, or the folder itself.

    Raises ExitError (78) where there are none, or no Java to run them.
    """
    if home is None:
        raise ExitError("say where Apache Kafka is: --kafka-home or KAFKA_HOME, the folder of its download", REFUSED)
    if shutil.which("java") is None:
        raise ExitError("Apache Kafka needs Java: there is no `java` on the path", REFUSED)
    for folder in (home / "libs", home):
        if any(folder.glob("kafka-clients-*.jar")):
            return folder.absolute()
    raise ExitError(f"{home} holds no Apache Kafka: neither it nor its libs/ has kafka-clients-*.jar", REFUSED)


class Node:
    """The node's files and commands. `data` is made when it is missing."""

    def __init__(self, jars: Path, data: Path, port: int) -> None:
        self._jars, self._data, self.port = jars, data, port
        self._properties = data / "server.properties"

    def prepare(self) -> None:
        """Write the properties, and make the storage where there is none. Raises ExitError (78) where that fails."""
        logs = self._data / "logs"
        self._data.mkdir(parents=True, exist_ok=True, mode=0o700)
        text = _PROPERTIES.format(host=HOST, port=self.port, controller_port=free_port(), logs=logs)
        self._properties.write_text(text, encoding="utf-8")
        if (logs / "meta.properties").exists():
            return
        cluster = base64.urlsafe_b64encode(secrets.token_bytes(16)).decode().rstrip("=")
        arguments = ("format", "-t", cluster, "-c", str(self._properties))
        done = subprocess.run(self._java("kafka.tools.StorageTool", arguments), capture_output=True, text=True)
        if done.returncode:
            raise ExitError(f"Apache Kafka cannot make its storage: {(done.stderr or done.stdout).strip()}", REFUSED)

    def start(self) -> "subprocess.Popen[bytes]":
        """The node's process; it ends with this one, however that ends."""
        return subprocess.Popen(
            self._java("kafka.Kafka", (str(self._properties),)), stdin=subprocess.DEVNULL, preexec_fn=die_with_parent
        )

    def _java(self, main: str, arguments: Sequence[str]) -> list[str]:
        memory = os.environ.get("KAFKA_HEAP_OPTS", _USUAL_MEMORY).split()
        quiet = "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn"
        return ["java", *memory, "-Djava.awt.headless=true", quiet, "-cp", f"{self._jars}/*", main, *arguments]


async def serve(node: Node) -> int:
    """Run the node until a signal; 0 once it has stopped, 70 where it ended by itself. Says `ready` when it answers."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    process = node.start()
    ended = asyncio.create_task(asyncio.to_thread(process.wait))
    stopping = asyncio.create_task(stop.wait())
    answering = asyncio.create_task(_until_it_answers(f"{HOST}:{node.port}"))
    await asyncio.wait({ended, stopping, answering}, return_when=asyncio.FIRST_COMPLETED)
    if answering.done() and not ended.done():
        print(f"ready {HOST}:{node.port}", flush=True)
    answering.cancel()
    await asyncio.wait({ended, stopping}, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if ended.done():
        print(f"Apache Kafka ended with {ended.result()}", file=sys.stderr, flush=True)
        return BUG
    process.terminate()
    done, _ = await asyncio.wait({ended}, timeout=STOP_LIMIT_S)
    if not done:
        process.kill()
        await ended
    return 0


async def _until_it_answers(address: str) -> None:
    while True:
        client = AIOKafkaClient(bootstrap_servers=address)
        try:
            await client.bootstrap()
            return
        except KafkaError:
            await asyncio.sleep(_LOOK_S)
        finally:
            await client.close()


def main() -> int:
    """The exit code: that of `serve`, or 78 where Kafka or Java is missing, or the storage cannot be made."""
    parser = argparse.ArgumentParser(prog="python -m fixtrail.local.apache_kafka", description=__doc__)
    parser.add_argument("--home", type=Path, required=True, help="folder of Kafka's download, or of its jars")
    parser.add_argument("--port", type=int, required=True, help=f"port on {HOST}")
    parser.add_argument("--data", type=Path, required=True, help="folder of topics and offsets; made when missing")
    options = parser.parse_args()
    try:
        node = Node(jars_of(options.home), options.data.absolute(), options.port)
        node.prepare()
    except ExitError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    return asyncio.run(serve(node))


if __name__ == "__main__":
    sys.exit(main())
