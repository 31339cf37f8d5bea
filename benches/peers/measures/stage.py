"""A run: a fresh process of a proxy, checked before and after, and what the meter over it says."""

import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import checks
import processes
from cases import OUTPUT, Site
from machine import Cores
from proxies.peer import Target
from usage import Usage

WARM_UP_SECONDS = 1
# Longest time that work is waited for which calls left to be done after their answers.
BACKLOG_SECONDS = 60


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


@dataclass(frozen=True)
class Running:
    """A proxy that runs, and what calls leave behind since its start."""

    pid: int
    usage: Usage


@contextlib.contextmanager
def running(stage: Stage) -> Iterator[Running]:
    """The proxy, started anew, pinned to its core and checked; checked again at the end."""
    stage.target.reset()
    output = stage.site.folder / OUTPUT
    with processes.Process(stage.target.command, stage.cores.proxy, output, stage.target.environment) as process:
        process.wait_for_port(stage.site.port)
        stage.target.wait()
        usage = Usage(stage.target.usage)
        checks.check(stage.site, stage.target, stage.cores.others)
        yield Running(process.pid, usage)
        checks.check(stage.site, stage.target, stage.cores.others, is_flooded="flood" in stage.site.case.measures)


class Meter:
    """CPU time of a proxy's processes between its making and `stop`, which first lets it do what the calls left to be done:
    until no more records wait than at its making. So all that the calls between cost is in it, whenever it is spent."""

    def __init__(self, stage: Stage, pid: int) -> None:
        self._pids = processes.tree(pid)
        self._core = core = stage.cores.proxy
        self._waiting = stage.target.waiting
        self._waited = self._waiting() if self._waiting else 0
        # How many records waited when the load ended and how long they took; why the time is not all, if so.
        self.facts: dict[str, float] = {}
        self.void: str | None = None
        self._began = time.monotonic()
        self._cpu = processes.cpu_seconds(self._pids)
        self._busy = processes.busy_seconds(core)
        # Seconds by thread name, and the share of the core that others had.
        self.threads: dict[str, float] = {}
        self.disturbed = 0.0

    def stop(self) -> "Meter":
        self._let_work()
        after, busy = processes.cpu_seconds(self._pids), processes.busy_seconds(self._core)
        elapsed = time.monotonic() - self._began
        self.threads = {name: spent - self._cpu.get(name, 0.0) for name, spent in after.items()}
        self.disturbed = max(0.0, (busy - self._busy - self.total) / elapsed)
        return self

    def _let_work(self) -> None:
        if not self._waiting:
            return
        began, left = time.monotonic(), self._waiting()
        self.facts = {"waited_before": self._waited, "waited_after": left}
        while left > self._waited:
            if time.monotonic() - began > BACKLOG_SECONDS:
                self.void = f"{left} records waited {BACKLOG_SECONDS} s after the load, {self._waited} before it"
                return
            time.sleep(0.05)
            left = self._waiting()
        self.facts["waited_seconds"] = time.monotonic() - began

    @property
    def total(self) -> float:
        return sum(self.threads.values())

    def micros_by_thread(self, requests: int) -> dict[str, float]:
        return {name: spent * 1e6 / max(requests, 1) for name, spent in self.threads.items()}
