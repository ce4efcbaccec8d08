"""Cancellation that arrives for sure, also through a library that may lose it.

On Python 3.11 `asyncio.wait_for`, which redis-py sends its commands with, returns the result of
what has just ended and forgets that it was cancelled meanwhile. A loop would then go on for ever.
"""

import asyncio


def heed_cancellation() -> None:
    """End here if this task was cancelled: to be called once in each turn of an endless loop.

    Raises:
        asyncio.CancelledError: it was, whether or not anybody has noticed.
    """
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError
