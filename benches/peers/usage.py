"""Counts what calls leave behind: lines of a peer's log, or records of Tollgate's journal."""

import time
from collections.abc import Callable
from pathlib import Path

# Of a call that was answered as it should be, in the log format that all peers have; refusals are not counted.
ANSWERED = b'"status":200'
# Peers write what they buffered after a second.
PATIENCE_SECONDS = 5


class LogLines:
    """Lines of good answers in a log that grows; called for their number."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._read = 0
        self._count = 0

    def __call__(self) -> int:
        if self._file.exists():
            if self._file.stat().st_size < self._read:
                # Begun anew by the next start.
                self._read = self._count = 0
            with self._file.open("rb") as log:
                log.seek(self._read)
                for line in log:
                    if line.endswith(b"\n"):
                        self._read += len(line)
                        self._count += ANSWERED in line
        return self._count


class Usage:
    """What is left of calls from its making on; `count` gives how much has been left so far, None: nothing is."""

    def __init__(self, count: Callable[[], int] | None) -> None:
        self._count = count
        self._before = count() if count else 0

    def fault(self, calls: int, in_flight: int) -> str | None:
        """Whether each of so many calls left one: no fewer, and no more but for those that the load broke off at its ends."""
        if not self._count:
            return None
        deadline = time.monotonic() + PATIENCE_SECONDS
        while (left := self._count() - self._before) < calls and time.monotonic() < deadline:
            time.sleep(0.1)
        if calls <= left <= calls + in_flight:
            return None
        return f"{left} usage records of {calls} calls and at most {in_flight} that were broken off"
