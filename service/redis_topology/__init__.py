"""Where the servers of Redis are, beyond one: behind Sentinels, or in a cluster.

It searches beside the picks, which take what is known and never wait for a search.
"""

from service.redis_topology.cluster import Cluster
from service.redis_topology.connection import connection_class
from service.redis_topology.sentinels import Sentinels
from service.redis_topology.topology import Topology
from service.redis_url import read_url

__all__ = ["Cluster", "Sentinels", "Topology", "connection_class", "topology_of"]


def topology_of(url: str) -> Topology | None:
    """What is to be followed for a URL; None for one server.

    Raises:
        ValueError: no such URL, or redis-py cannot read its options.
    """
    read = read_url(url)
    if read.kind == "server":
        return None
    return Sentinels(read) if read.kind == "sentinel" else Cluster(read)
