"""Several embedded ClickHouse servers of one machine as shards of a cluster, to try out such a set-up.

Without replicas: the wheel's server has no Keeper and does not listen to other replicas.
"""

from collections.abc import Sequence
from xml.sax.saxutils import escape

from sinks.clickhouse.layout import SHARD_SETTINGS

CLUSTER = "shards"
_SETTINGS = "".join(f"<{name}>{value}</{name}>" for name, value in SHARD_SETTINGS.items())
_GRANTS = "GRANT ALL ON fixtrail_shard.*", "GRANT TABLE ENGINE ON Distributed", "GRANT READ, WRITE ON REMOTE"


def cluster_parts(tcp_ports: Sequence[int], app_password: str) -> dict[str, str]:
    """What a server's configuration has more of where it is a shard beside those at the other ports."""
    if not tcp_ports:
        return {"remote_servers": "", "shard_settings": "", "shard_grants": ""}
    shards = "".join(
        f"<shard><replica><host>127.0.0.1</host><port>{port}</port><user>app</user>"
        f"<password>{escape(app_password)}</password></replica></shard>"
        for port in tcp_ports
    )
    return {
        "remote_servers": f"<remote_servers><{CLUSTER}>{shards}</{CLUSTER}></remote_servers>",
        "shard_settings": _SETTINGS,
        "shard_grants": "".join(f"<query>{grant}</query>" for grant in _GRANTS),
    }
