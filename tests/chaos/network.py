"""The network of a cluster's brokers: a namespace for each of them, in which single ways can be cut without a word.

Every broker has two addresses: one for the boxes, one for the other brokers and the checker. A way is cut by a
neighbour entry that leads nowhere, so packets are lost silently, as in a real partition, and connections stay open.
"""

import contextlib
import functools
import os
import shutil
import subprocess
from collections.abc import Sequence

NOWHERE = "02:00:00:00:de:ad"
SUBNET = "10.213"
HOST_ADDRESS = 254


@functools.cache
def namespaces_work() -> bool:
    """Whether namespaces can be made here: needs root and iproute2."""
    name = f"ftprobe{os.getpid()}"
    if shutil.which("ip") is None or not _try("ip", "netns", "add", name):
        return False
    return _try("ip", "netns", "del", name)


class Network:
    """One namespace a node, on a bridge of this host; `close` leaves nothing of it."""

    def __init__(self, nodes: Sequence[int]) -> None:
        self._nodes = tuple(nodes)
        number = os.getpid() % 250
        self._subnet, self._bridge = f"{SUBNET}.{number}", f"ftbr{number}"
        self._cuts: list[tuple[int | None, str]] = []

    def open(self) -> None:
        """Make the namespaces. Raises CalledProcessError where that is refused."""
        _ip("link", "add", self._bridge, "type", "bridge")
        _ip("addr", "add", f"{self._subnet}.{HOST_ADDRESS}/24", "dev", self._bridge)
        _ip("link", "set", self._bridge, "up")
        for node in self._nodes:
            space, end = self._space(node), f"{self._bridge}-{node}"
            _ip("netns", "add", space)
            _ip("link", "add", end, "type", "veth", "peer", "name", "eth0", "netns", space)
            _ip("link", "set", end, "master", self._bridge, "up")
            for address in (self.for_boxes(node), self.for_brokers(node)):
                _ip("-n", space, "addr", "add", f"{address}/24", "dev", "eth0")
            for device in ("lo", "eth0"):
                _ip("-n", space, "link", "set", device, "up")

    def close(self) -> None:
        """Remove all of it; what runs in a namespace has to have ended."""
        for node in self._nodes:
            _try("ip", "netns", "del", self._space(node))
        _try("ip", "link", "del", self._bridge)

    def inside(self, node: int) -> list[str]:
        """What goes before a command that is to run in the node's namespace."""
        return ["ip", "netns", "exec", self._space(node)]

    def for_boxes(self, node: int) -> str:
        return f"{self._subnet}.{node}"

    def for_brokers(self, node: int) -> str:
        return f"{self._subnet}.{100 + node}"

    def cut_from_boxes(self, node: int) -> None:
        """No box reaches the node; the other brokers do."""
        self._cut(None, self.for_boxes(node))

    def cut_from_brokers(self, node: int) -> None:
        """The node and the other brokers do not reach each other; the boxes reach all."""
        for peer in self._nodes:
            if peer != node:
                self._cut(node, self.for_brokers(peer))
                self._cut(peer, self.for_brokers(node))

    def heal(self) -> None:
        """All ways are open again."""
        while self._cuts:
            node, address = self._cuts.pop()
            with contextlib.suppress(subprocess.CalledProcessError):
                _ip(*self._at(node), "neigh", "del", address, "dev", self._device(node))

    def _cut(self, node: int | None, address: str) -> None:
        self._cuts.append((node, address))
        entry = (address, "lladdr", NOWHERE, "dev", self._device(node), "nud", "permanent")
        _ip(*self._at(node), "neigh", "replace", *entry)

    def _at(self, node: int | None) -> tuple[str, ...]:
        return () if node is None else ("-n", self._space(node))

    def _device(self, node: int | None) -> str:
        return self._bridge if node is None else "eth0"

    def _space(self, node: int) -> str:
        return f"{self._bridge}-{node}"


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True, stdin=subprocess.DEVNULL)


def _try(*command: str) -> bool:
    return subprocess.run(command, check=False, capture_output=True, stdin=subprocess.DEVNULL).returncode == 0
