"""Where ClickHouse's tables are: on one server, replicated, or spread over shards by vehicle; and under which names."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

Kind = Literal["single", "replicated", "sharded", "sharded_replicated"]

# Below the driver's own time-out, so that ClickHouse says that replicas are missing.
QUORUM_TIMEOUT_MS = 20_000

# A subquery is answered by all shards together, not by each for itself.
SHARD_SETTINGS: dict[str, Any] = {"distributed_product_mode": "global", "prefer_global_in_and_join": 1}

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
_TEXT = r"'(?:[^'\\]|\\.|'')*'"
_DATABASE = re.compile(
    rf"(?P<text>{_TEXT})|(?<![\w.`])fixtrail(?P<suffix>_raw|_shard)?(?=\.)"
    r"|(?<=DATABASE IF NOT EXISTS )fixtrail(?P<made>_raw|_shard)?\b"
)
_OWN_TEXT = re.compile(r"'fixtrail(_raw|_shard)?'")


class LayoutError(ValueError):
    """These settings of ClickHouse do not go together; the message says why."""


@dataclass(frozen=True, slots=True)
class Layout:
    """`database` holds the views; `cluster` is named as in remote_servers of ClickHouse's configuration.

    `nodes` are the URLs of all servers of a cluster without Keeper: what changes tables is said to each of them; of
    other clusters ON CLUSTER does that. `quorum`: on how many replicas an insert is before it is acknowledged, a
    number or `auto` (most of them).
    """

    database: str = "fixtrail"
    kind: Kind = "single"
    cluster: str = ""
    nodes: tuple[str, ...] = ()
    quorum: str = "0"

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.database):
            raise LayoutError(f"a database is named by letters, digits and _, not {self.database!r}")
        if self.is_single and (self.cluster or self.nodes):
            raise LayoutError("a cluster or nodes are of layout replicated, sharded or sharded_replicated alone")
        if not self.is_single and not _NAME.fullmatch(self.cluster):
            raise LayoutError(f"layout {self.kind} needs the name of the cluster, letters, digits and _ alone")
        if self.nodes and self.is_replicated:
            raise LayoutError("nodes are of layout sharded alone: replicas have a Keeper, and with it ON CLUSTER")
        if not re.fullmatch(r"\d+|auto", self.quorum):
            raise LayoutError(f"the quorum is a number or auto, not {self.quorum!r}")
        if self.quorum != "0" and not self.is_replicated:
            raise LayoutError(f"layout {self.kind} has no replicas that a quorum could ask for")

    @property
    def is_single(self) -> bool:
        return self.kind == "single"

    @property
    def is_replicated(self) -> bool:
        return self.kind in ("replicated", "sharded_replicated")

    @property
    def is_sharded(self) -> bool:
        return self.kind in ("sharded", "sharded_replicated")

    @property
    def on_cluster(self) -> str:
        """Behind the name of a table that is made or changed on every server."""
        return "" if self.is_single or self.nodes else f" ON CLUSTER {self.cluster}"

    def settings(self) -> dict[str, Any]:
        """The ClickHouse settings of a connection that writes."""
        settings: dict[str, Any] = {}
        if self.is_sharded:
            # The insert returns when the shards have the rows, not when one server has them in its queue for them.
            settings |= {"distributed_foreground_insert": 1} | SHARD_SETTINGS
        if self.is_replicated:
            # Rows are told apart by their key; a block that was written before a DELETE would be left out in silence.
            settings |= {"insert_deduplicate": 0}
            if self.quorum != "0":
                settings |= {"insert_quorum": self.quorum, "insert_quorum_timeout": QUORUM_TIMEOUT_MS}
        return settings

    def renamed(self, text: str) -> str:
        """A statement with the names of this layout's databases in the place of `fixtrail` and `fixtrail_raw`."""
        if self.database == "fixtrail":
            return text
        return _DATABASE.sub(self._name, text)

    def _name(self, match: re.Match[str]) -> str:
        if match["text"] is None:
            return f"{self.database}{match['suffix'] or match['made'] or ''}"
        return _OWN_TEXT.sub(lambda own: f"'{self.database}{own[1] or ''}'", match["text"])

    def renamed_parameters(self, parameters: Any) -> Any:
        """Values of a query, where a database is one of them."""
        if not isinstance(parameters, Mapping):
            return parameters
        return {
            name: self.renamed(f"{value}.")[:-1] if value in ("fixtrail", "fixtrail_raw") else value
            for name, value in parameters.items()
        }


def reading_settings(layout: Layout) -> dict[str, Any]:
    """The ClickHouse settings of every query on this layout."""
    return SHARD_SETTINGS if layout.is_sharded else {}


SINGLE = Layout()
