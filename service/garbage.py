"""The garbage collector, which a pick must not wait for.

It looks at all that a container holds in one go: 20 to 70 ms for the numbers of a large snapshot.
What is made by the thousand is of kinds that it leaves alone: texts, numbers, structs with
`gc=False`, tuples and dicts of these. A snapshot, once there, is passed by.
"""

import gc
from collections.abc import Iterator
from contextlib import contextmanager

YOUNG = 2_000  # new containers between two collections: one takes a ms at the most


def tend() -> None:
    """Pass by all that there is from now on: what stands as a service opens stands to its end."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG)


@contextmanager
def passed_by() -> Iterator[None]:
    """In a process so tended, pass by what a block makes too, then and later.

    A cycle that is garbage at the block's end is never found; answering picks makes none.
    """
    gc.disable()
    try:
        yield
    finally:
        if gc.get_threshold()[0] == YOUNG:
            gc.freeze()
        gc.enable()
