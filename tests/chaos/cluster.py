"""Three Apache Kafka brokers as an operator has them: KRaft, replication 3, min ISR 2, boxes by TLS and SCRAM.

Each has a network namespace of its own where that is allowed, else ports on 127.0.0.1. Brokers and checker talk on a
listener of their own in plain text; boxes know the one with SASL_SSL alone.
"""

import json
import secrets
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

from aiokafka.admin import AIOKafkaAdminClient

from tests import kafka_cluster
from tests.chaos.hosts import free_ports
from tests.chaos.network import Network, namespaces_work
from tests.chaos.proxy import HOST

NODES = (1, 2, 3)
BROKERS = tuple(f"broker-{node}" for node in NODES)
USER = "fixtrail"
HEAP = "-Xmx256m"
INTERNAL, BOXES, CONTROLLER = "INTERNAL", "BOXES", "CONTROLLER"
PORTS = {INTERNAL: 9092, BOXES: 9093, CONTROLLER: 9094}

PROPERTIES = """\
node.id={node}
controller.quorum.voters={voters}
listeners={listeners}
advertised.listeners={advertised}
listener.security.protocol.map=INTERNAL:PLAINTEXT,BOXES:SASL_SSL,CONTROLLER:PLAINTEXT
inter.broker.listener.name=INTERNAL
sasl.enabled.mechanisms=SCRAM-SHA-512
listener.name.boxes.sasl.enabled.mechanisms=SCRAM-SHA-512
listener.name.boxes.scram-sha-512.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
listener.name.boxes.ssl.keystore.type=PEM
listener.name.boxes.ssl.keystore.location={pem}
offsets.topic.replication.factor=3
transaction.state.log.replication.factor=3
transaction.state.log.min.isr=2
default.replication.factor=3
min.insync.replicas=2
unclean.leader.election.enable=false
broker.session.timeout.ms=18000
broker.heartbeat.interval.ms=2000
controller.quorum.fetch.timeout.ms=8000
controller.quorum.election.timeout.ms=4000
controller.quorum.request.timeout.ms=8000
group.max.session.timeout.ms=60000
log.retention.check.interval.ms=300000
"""
"""What three nodes need. Twice to four times the usual patience: three of them share the cores with all boxes."""


class Cluster:
    """The brokers' commands and addresses, the ways between them, and what they say of themselves."""

    def __init__(self, folder: Path, disk: Callable[[str], Path]) -> None:
        """`disk` gives a node's folder of data."""
        self.network = Network(NODES) if namespaces_work() else None
        self._folder = folder
        self._data = {node: disk(f"broker-{node}") for node in NODES}
        self._password = secrets.token_hex(16)
        # On one address every listener of every node has a port of its own.
        self._ports = free_ports(*(f"{listener} {node}" for listener in PORTS for node in NODES))

    def open(self) -> None:
        """The network, and a certificate that is right for all of them."""
        if self.network is not None:
            self.network.open()
        addresses = ",".join(sorted({f"IP:{self._address(BOXES, node)[0]}" for node in NODES}))
        command = [
            "openssl",
            "req",
            "-x509",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-days",
            "3",
            "-subj",
            "/CN=fixtrail-chaos",
        ]
        files = ["-addext", f"subjectAltName={addresses}", "-keyout", str(self._key), "-out", str(self._certificate)]
        subprocess.run([*command, *files], check=True, capture_output=True, stdin=subprocess.DEVNULL)
        self._pem.write_bytes(self._key.read_bytes() + self._certificate.read_bytes())

    def close(self) -> None:
        if self.network is not None:
            self.network.close()

    @property
    def bootstrap(self) -> str:
        """Where the checker finds the brokers."""
        return self._bootstrap(INTERNAL)

    def settings(self) -> dict[str, str]:
        """What the boxes are told, as an operator would."""
        return {
            "FIXTRAIL_KAFKA": self._bootstrap(BOXES),
            "FIXTRAIL_KAFKA_SECURITY": "SASL_SSL",
            "FIXTRAIL_KAFKA_SASL_MECHANISM": "SCRAM-SHA-512",
            "FIXTRAIL_KAFKA_USER": USER,
            "FIXTRAIL_KAFKA_PASSWORD": self._password,
            "FIXTRAIL_KAFKA_CA": str(self._certificate),
            "FIXTRAIL_REPLICATION": "3",
            "FIXTRAIL_MIN_INSYNC_REPLICAS": "2",
        }

    def command(self, node: int) -> list[str]:
        """What runs the node; its storage is made where there is none."""
        scram = f"SCRAM-SHA-512=[name={USER},password={self._password}]"
        java = kafka_cluster.prepare_kafka(
            self._data[node], 0, 0, self._properties(node), format_options=("--add-scram", scram)
        )
        inside = self.network.inside(node) if self.network is not None else []
        return [*inside, *(HEAP if flag.startswith("-Xmx") else flag for flag in java)]

    def answers(self, node: int) -> bool:
        host, port = self._address(INTERNAL, node)
        return kafka_cluster.kafka_answers(port, host)

    def wipe(self, node: int) -> None:
        """The node's disk is empty, as a new one is, and formatted."""
        shutil.rmtree(self._data[node])
        self.command(node)

    def controller(self) -> int:
        """The node that leads the controllers, as the nodes' own notes say."""
        notes = []
        for data in self._data.values():
            path = data / "logs" / "__cluster_metadata-0" / "quorum-state"
            if path.exists():
                state = json.loads(path.read_text())
                notes.append((state["leaderEpoch"], state["leaderId"]))
        leaders = [(epoch, leader) for epoch, leader in notes if leader in NODES]
        return max(leaders)[1] if leaders else NODES[0]

    async def behind(self) -> list[str]:
        """Partitions that not all of their replicas are in sync with."""
        admin = AIOKafkaAdminClient(bootstrap_servers=self.bootstrap, request_timeout_ms=5000)
        await admin.start()
        try:
            topics = await admin.describe_topics()
        finally:
            await admin.close()
        return [
            f"{topic['topic']}:{partition['partition']}"
            for topic in topics
            for partition in topic["partitions"]
            if len(partition["isr"]) < len(partition["replicas"])
        ]

    def _properties(self, node: int) -> str:
        places = {listener: self._address(listener, node) for listener in PORTS}
        names = {listener: f"{listener}://{host}:{port}" for listener, (host, port) in places.items()}
        controllers = [(controller, *self._address(CONTROLLER, controller)) for controller in NODES]
        return PROPERTIES.format(
            node=node,
            voters=",".join(f"{controller}@{host}:{port}" for controller, host, port in controllers),
            listeners=",".join(names.values()),
            advertised=",".join(names[listener] for listener in (INTERNAL, BOXES)),
            pem=self._pem,
        )

    def _bootstrap(self, listener: str) -> str:
        return ",".join(f"{host}:{port}" for host, port in (self._address(listener, node) for node in NODES))

    def _address(self, listener: str, node: int) -> tuple[str, int]:
        if self.network is None:
            return HOST, self._ports[f"{listener} {node}"]
        address = self.network.for_boxes(node) if listener == BOXES else self.network.for_brokers(node)
        return address, PORTS[listener]

    @property
    def _key(self) -> Path:
        return self._folder / "broker-key.pem"

    @property
    def _certificate(self) -> Path:
        return self._folder / "broker-certificate.pem"

    @property
    def _pem(self) -> Path:
        return self._folder / "broker.pem"


def node_of(broker: str) -> int:
    """3 of `broker-3`."""
    return int(broker.rpartition("-")[2])
