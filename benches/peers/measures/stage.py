"""A run: a fresh process of a proxy, checked before and after, and what the meter over it says."""

import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import checks
import processes
from cases import Site
from machine import Cores
from proxies.peer import Target

WARM_UP_SECONDS = 1


@dataclass(frozen=True)
class Stage:
    """What one run is made with."""

    site: Site
    target: Target
    cores: Cores
    seconds: float
    # Requests a second, of measures at a fixed rate.
    rate: float = 0.0
    counts_syscalls: bool = False


@dataclass
class Measured:
    """What one run found."""

    figures: dict[str, float]
    threads: dict[str, float] = field(default_factory=dict)
    disturbed: float = 0.0
    facts: dict[str, float] = field(default_factory=dict)
    void: str | None = None


@contextlib.contextmanager
def running(stage: Stage) -> Iterator[processes.Process]:
    """The proxy, started anew, pinned to its core and checked; checked again at the end."""
    stage.target.reset()
    output = stage.site.folder / "output"
    with processes.Process(stage.target.command, stage.cores.proxy, output, stage.target.environment) as process:
        process.wait_for_port(stage.site.port)
        stage.target.wait()
        checks.check(stage.site, stage.target)
        yield process
        checks.check(stage.site, stage.target)


class Meter:
    """CPU time of a proxy's processes between its making and `stop`."""

    def __init__(self, pid: int, core: int) -> None:
        self._pids = processes.tree(pid)
        self._core = core
        self._began = time.monotonic()
        self._cpu = processes.cpu_seconds(self._pids)
        self._busy = processes.busy_seconds(core)
        # Seconds by thread name, and the share of the core that others had.
        self.threads: dict[str, float] = {}
        self.disturbed = 0.0

    def stop(self) -> "Meter":
        after, busy = processes.cpu_seconds(self._pids), processes.busy_seconds(self._core)
        elapsed = time.monotonic() - self._began
        self.threads = {name: spent - self._cpu.get(name, 0.0) for name, spent in after.items()}
        self.disturbed = max(0.0, (busy - self._busy - self.total) / elapsed)
        return self

    @property
    def total(self) -> float:
        return sum(self.threads.values())

    def micros_by_thread(self, requests: int) -> dict[str, float]:
        return {name: spent * 1e6 / max(requests, 1) for name, spent in self.threads.items()}
