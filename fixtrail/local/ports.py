"""The ports of an embedded stack: the usual ones, or free ones."""

import random
import socket
from dataclasses import astuple, dataclass

from runtime.failure import REFUSED, ExitError

KAFKA_PORT, HTTP_PORT, NATIVE_PORT, WEB_PORT = 9092, 8123, 9000, 8000
HOST = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Ports:
    kafka: int
    http: int
    native: int
    web: int


def free_ports() -> Ports:
    """Ports that nobody listens on, below those the system hands out to outgoing connections."""
    ports: list[int] = []
    while len(ports) < 4:
        port = random.randrange(20_000, 32_000)
        if port not in ports and _is_free(port):
            ports.append(port)
    return Ports(*ports)


def free_port() -> int:
    return free_ports().kafka


def fixed_ports() -> Ports:
    """The usual ports of Kafka, ClickHouse and the pages. Raises ExitError where one of them is taken."""
    ports = Ports(KAFKA_PORT, HTTP_PORT, NATIVE_PORT, WEB_PORT)
    used = [port for port in astuple(ports) if not _is_free(port)]
    if used:
        used_text = " and ".join(map(str, used))
        raise ExitError(f"port {used_text} on {HOST} is taken by another program: use --ports auto", REFUSED)
    return ports


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        # As the servers do: a port whose old connections only wait for their time-out is free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True
