"""System calls that a proxy makes, all threads of all its processes: counted by perf at the kernel's entry, or by strace."""

import functools
import shutil
import signal
import subprocess
import time
from pathlib import Path

EVENT = "raw_syscalls:sys_enter"
# Neither tool tells anybody that it has begun.
ATTACH_SECONDS = 0.3


@functools.cache
def tool() -> str | None:
    """What counts them on this machine; None: nothing may."""
    if shutil.which("perf"):
        tried = subprocess.run(["perf", "stat", "-x,", "-e", EVENT, "true"], capture_output=True, text=True, check=False)
        if tried.returncode == 0 and _perf_count(tried.stderr):
            return "perf"
    return "strace" if shutil.which("strace") else None


class Counter:
    """Counts inside `with`; there must be a `tool`."""

    def __init__(self, pids: list[int], folder: Path) -> None:
        self._output = folder / "syscalls"
        self._counts_by_perf = tool() == "perf"
        if self._counts_by_perf:
            self._command = ["perf", "stat", "-x,", "-e", EVENT, "-p", ",".join(map(str, pids)), "-o", str(self._output)]
        else:
            self._command = ["strace", "-c", "-f", "-o", str(self._output), *(f"-p{pid}" for pid in pids)]
        self.count = 0

    def __enter__(self) -> "Counter":
        self._counting = subprocess.Popen(self._command, stderr=subprocess.DEVNULL)
        time.sleep(ATTACH_SECONDS)
        return self

    def __exit__(self, *_: object) -> None:
        self._counting.send_signal(signal.SIGINT)
        self._counting.wait(10)
        told = self._output.read_text()
        self.count = _perf_count(told) if self._counts_by_perf else strace_count(told)


def _perf_count(told: str) -> int:
    for line in told.splitlines():
        number = line.split(",")[0]
        if EVENT in line and number.isdigit():
            return int(number)
    return 0


def strace_count(told: str) -> int:
    """The calls of the last line of strace's table: share, seconds, µs a call, calls, errors, `total`."""
    for line in told.splitlines():
        fields = line.split()
        if fields and fields[-1] == "total":
            return int(fields[3])
    return 0
