"""Ports, nodes and copies of the code for the processes of a chaos run."""

import asyncio
import contextlib
import random
import shutil
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from tests.chaos.proxy import HOST
from tests.stack import ROOT

CODE = ("fixtrail", "runtime", "streams", "sinks", "schemas", "analytics", "tests")


async def delete_topics(bootstrap: str, names: Sequence[str]) -> None:
    """Delete these topics; returns once the broker does not list them any more."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        await admin.delete_topics(list(names))
        while set(names) & set(await admin.list_topics()):
            await asyncio.sleep(0.2)
    finally:
        await admin.close()


async def coordinated_by(node: int, bootstrap: str) -> str:
    """An app id whose workers' group has this node for its coordinator."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        for number in range(40):
            name = f"fixtrail{number}"
            for _ in range(20):
                with contextlib.suppress(KafkaError):
                    if await admin.find_coordinator(name) == node:
                        return name
                    break
                await asyncio.sleep(0.5)
    finally:
        await admin.close()
    raise RuntimeError(f"node {node} coordinates no group")


def copy_code(folder: Path, revision: str | None) -> None:
    """The code as it is in the working tree, or at a revision."""
    if folder.exists():
        return
    folder.mkdir(parents=True)
    if revision is not None:
        archive = subprocess.run(["git", "archive", revision, *CODE], cwd=ROOT, check=True, stdout=subprocess.PIPE)
        subprocess.run(["tar", "-x", "-C", str(folder)], input=archive.stdout, check=True)
        return
    for name in CODE:
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))


def listeners_of(boxes: Sequence[str], ports: Mapping[str, int]) -> str:
    """Kafka's properties for one listener a box, each advertised as that box's proxy."""
    names = {box: box.upper().replace("-", "") for box in boxes}
    own = {
        "PLAINTEXT": (ports["kafka"], ports["kafka"]),
        **{names[box]: (ports[f"behind {box}"], ports[box]) for box in boxes},
    }
    listens = [f"{name}://{HOST}:{port}" for name, (port, _) in own.items()]
    listeners = [f"{name}://{HOST}:{port}" for name, (_, port) in own.items()]
    return (
        f"listeners={','.join(listens)},CONTROLLER://{HOST}:{ports['controller']}\n"
        f"advertised.listeners={','.join(listeners)}\n"
        f"listener.security.protocol.map={','.join(f'{name}:PLAINTEXT' for name in (*own, 'CONTROLLER'))}\n"
        "inter.broker.listener.name=PLAINTEXT\n"
        "group.max.session.timeout.ms=60000\n"
    )


def python_command(module: str) -> list[str]:
    return [sys.executable, "-m", module]


def free_ports(*names: str) -> dict[str, int]:
    """Ports below those that the system gives to outgoing connections, which could take one while its owner is away."""
    ports: dict[str, int] = {}
    while len(ports) < len(names):
        port = random.SystemRandom().randrange(20_000, 32_000)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind((HOST, port))
            if port not in ports.values():
                ports[names[len(ports)]] = port
    return ports


def listens(port: int) -> bool:
    try:
        with socket.create_connection((HOST, port), timeout=2):
            return True
    except OSError:
        return False


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return bool(answer.status == 200)
    except (OSError, ValueError):
        return False
