"""Connections that tell a topology when something is wrong with their server."""

from typing import Any

from redis.asyncio.connection import Connection, SSLConnection
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError

from service.redis_topology.topology import Topology


class FollowedConnection(Connection):
    """To a server that a topology has named.

    Args:
        topology: who named it.
        kwargs: redis-py's own.
    """

    def __init__(self, *, topology: Topology, **kwargs: Any) -> None:
        self._topology = topology
        super().__init__(**kwargs)

    async def on_connect_check_health(self, check_health: bool = True) -> None:  # noqa: FBT001, FBT002 - redis-py's
        """Greet the server; it must say that it is a master where that may have changed."""
        await super().on_connect_check_health(check_health=check_health)
        if self._topology.checks_role:
            await self.send_command("ROLE", check_health=False)
            role = await self.read_response()
            if role[0] != b"master":
                error = RedisConnectionError("The server is not a master any more")
                self._topology.doubt(error)
                raise error

    async def read_response(self, *args: Any, **kwargs: Any) -> Any:
        """Read; an error may mean that the server is not the right one any more."""
        try:
            return await super().read_response(*args, **kwargs)
        except (RedisError, OSError) as error:
            self._topology.doubt(error)
            raise

    async def _connect(self) -> None:
        try:
            await super()._connect()  # type: ignore[no-untyped-call] # redis-py's hook for transports
        except OSError as error:
            self._topology.doubt(error)
            raise


class FollowedTlsConnection(FollowedConnection, SSLConnection):
    """The same over TLS."""


def connection_class(topology: Topology) -> type[FollowedConnection]:
    """What to speak to the servers of a topology with."""
    return FollowedTlsConnection if topology.is_tls else FollowedConnection
