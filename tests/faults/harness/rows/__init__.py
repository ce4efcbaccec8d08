"""The table of faults, in the order of their numbers; two faults of one kind have the same."""

from tests.faults.harness.row import Row
from tests.faults.harness.rows import memory, redis, replies, services, topologies

CONTROL = services.nothing
ROWS: tuple[Row, ...] = tuple(
    sorted(
        (*memory.ROWS, *redis.ROWS, *replies.ROWS, *services.ROWS, *topologies.ROWS),
        key=lambda row: row.number,
    )
)
