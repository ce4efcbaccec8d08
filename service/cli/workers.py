"""Several processes on one port: started, watched, and stopped together.

Each worker is the command itself, told to share the port; the kernel spreads the connections.
Nothing of a pick passes through here.
"""

import logging
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence

from prometheus_client.multiprocess import mark_process_dead

RESTART_PAUSE = 1.0
POLL_SECONDS = 0.2

_log = logging.getLogger(__name__)


class Workers:
    """The processes of one service.

    Args:
        arguments: the command line of one worker, after `python -m service`.
        count: how many to keep running.
    """

    def __init__(self, arguments: Sequence[str], count: int) -> None:
        self._arguments = arguments
        self._count = count
        self._stopping = False
        self._running: list[subprocess.Popen[bytes]] = []

    def run(self) -> int:
        """Keep the workers running until SIGTERM or SIGINT; SIGHUP is handed on.

        Returns:
            0, or 2 where the workers refuse their configuration.
        """
        with tempfile.TemporaryDirectory(prefix="callerid-") as shared:
            self._environment = os.environ | {"PROMETHEUS_MULTIPROC_DIR": shared}
            for signal_number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(signal_number, lambda *_: self._stop())
            signal.signal(signal.SIGHUP, lambda *_: self._tell(signal.SIGHUP))
            self._running = [self._start() for _ in range(self._count)]
            return self._watch(shared)

    def _watch(self, shared: str) -> int:
        while self._running:
            time.sleep(POLL_SECONDS)
            for worker in list(self._running):
                if (status := worker.poll()) is None:
                    continue
                self._running.remove(worker)
                mark_process_dead(worker.pid, path=shared)
                if status == 2:  # noqa: PLR2004 - the exit status of a wrong configuration
                    self._stop()
                    for other in self._running:
                        other.wait()
                    return 2
                if not self._stopping:
                    _log.error("A worker exited with status %d; another one is started", status)
                    time.sleep(RESTART_PAUSE)
                    self._running.append(self._start())
        return 0

    def _start(self) -> "subprocess.Popen[bytes]":
        command = [sys.executable, "-m", "service", *self._arguments]
        return subprocess.Popen(command, env=self._environment)  # noqa: S603 - our own command

    def _stop(self) -> None:
        self._stopping = True
        self._tell(signal.SIGTERM)

    def _tell(self, signal_number: signal.Signals) -> None:
        for worker in self._running:
            worker.send_signal(signal_number)
