"""Starts processes on a chosen core, and reads what they use from /proc."""

import os
import random
import resource
import socket
import subprocess
import time
from pathlib import Path
from types import TracebackType

from cases import BenchError

START_SECONDS = 120
STOP_SECONDS = 20
LOWEST_PORT = 10_000


def allow_many_files() -> None:
    """Lets this process and those that it starts open as many files as the machine lets them."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def free_port() -> int:
    """A port that nothing listens on, outside the range of which the kernel gives to those who connect."""
    first_given = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    for _ in range(100):
        port = random.randrange(LOWEST_PORT, max(first_given, LOWEST_PORT + 1000))
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue
    raise BenchError("no port is free")


class Process:
    """A process on one core (None: on any), alive inside `with`. What it prints goes to `output`."""

    def __init__(
        self, command: list[str], core: int | None, output: Path, environment: dict[str, str] | None = None
    ) -> None:
        self.command = command
        self.output = output
        self._file = output.open("wb")
        # taskset replaces itself by the command, so the process id is the command's own.
        self._child = subprocess.Popen(
            command if core is None else ["taskset", "-c", str(core), *command],
            stdin=subprocess.DEVNULL,
            stdout=self._file,
            stderr=subprocess.STDOUT,
            env={**os.environ, **(environment or {})},
        )

    @property
    def pid(self) -> int:
        return self._child.pid

    def __enter__(self) -> "Process":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._child.terminate()
        try:
            self._child.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()
        self._file.close()

    def wait_for_port(self, port: int) -> None:
        """Returns when something listens on `port`; fails when the process ends first or takes too long."""
        deadline = time.monotonic() + START_SECONDS
        while not _listens(port):
            if self._child.poll() is not None:
                raise BenchError(f"{self.command[0]} ended at its start: {self.last_words()}")
            if time.monotonic() > deadline:
                raise BenchError(f"{self.command[0]} does not listen after {START_SECONDS} s: {self.last_words()}")
            time.sleep(0.02)

    @property
    def has_ended(self) -> bool:
        return self._child.poll() is not None

    def last_words(self) -> str:
        """The end of what it printed."""
        return self.output.read_text(errors="replace")[-2000:].strip() or "it printed nothing"


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def tree(pid: int) -> list[int]:
    """The process and all its descendants."""
    found = [pid]
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            children = task.read_text().split()
        except (FileNotFoundError, ProcessLookupError):
            continue  # a thread that ended just now
        for child in children:
            found.extend(tree(int(child)))
    return found


def cpu_seconds(pids: list[int]) -> dict[str, float]:
    """Time on a core since their start, by thread name. The first field of schedstat is exact, not sampled by ticks."""
    spent: dict[str, float] = {}
    for pid in pids:
        try:
            tasks = list(Path(f"/proc/{pid}/task").iterdir())
        except FileNotFoundError:
            continue  # a process that ended just now
        for task in tasks:
            try:
                name = (task / "comm").read_text().strip()
                nanoseconds = int((task / "schedstat").read_text().split()[0])
            except (FileNotFoundError, ProcessLookupError):
                continue  # a thread that ended just now; workers do not
            spent[name] = spent.get(name, 0.0) + nanoseconds / 1e9
    if not any(spent.values()):
        raise BenchError("this kernel keeps no /proc/PID/task/*/schedstat; CPU time cannot be measured")
    return spent


def resident_mib(pids: list[int]) -> float:
    """Resident memory; pages that processes share are counted once for each."""
    kib = 0
    for pid in pids:
        try:
            lines = Path(f"/proc/{pid}/status").read_text().splitlines()
        except FileNotFoundError:
            continue  # a process that ended just now
        kib += sum(int(line.split()[1]) for line in lines if line.startswith("VmRSS:"))
    return kib / 1024


def busy_seconds(core: int) -> float:
    """How long a core has been at work for anybody, since boot (sampled by ticks)."""
    for line in Path("/proc/stat").read_text().splitlines():
        fields = line.split()
        if fields[0] == f"cpu{core}":
            user, nice, system, _idle, _wait, interrupt, soft = (int(field) for field in fields[1:8])
            return (user + nice + system + interrupt + soft) / os.sysconf("SC_CLK_TCK")
    raise BenchError(f"/proc/stat knows no core {core}")


def size(path: Path) -> int:
    """Bytes in a file, or in all files of a folder."""
    if path.is_dir():
        return sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
    return path.stat().st_size if path.exists() else 0
