"""So many requests a second, whatever the proxy does; latency counts from when a request was meant to be sent."""

import json
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

import build
from cases import BenchError, Site


@dataclass(frozen=True)
class Pace:
    """What was counted; times in ms."""

    requests: int
    p50: float
    p90: float
    p99: float
    p999: float
    highest: float
    # How late the 99th percentile was sent.
    late_p99: float
    socket_errors: int
    unanswered: int
    # How many answers had each status.
    statuses: dict[int, int] = field(default_factory=dict)

    @property
    def other_statuses(self) -> int:
        """Answers that were not what a good caller gets."""
        return sum(count for status, count in self.statuses.items() if status != 200)

    @property
    def errors(self) -> int:
        return self.other_statuses + self.socket_errors + self.unanswered

    @property
    def failure(self) -> str | None:
        """Why this load proves nothing, if so."""
        if self.unanswered:
            return f"the rate was not kept up: {self.unanswered} requests were not answered"
        if self.errors:
            return f"{self.other_statuses} answers of another status, {self.socket_errors} socket errors"
        return None if self.requests else "no request was answered"


class Paced:
    """A load under way."""

    def __init__(
        self,
        site: Site,
        calls: Path,
        core: int,
        rate: float,
        seconds: float,
        *,
        connections: int,
        first: int = 0,
    ) -> None:
        self._seconds = seconds
        command = ["taskset", "-c", str(core), str(build.tool("paced")), str(site.port), str(connections)]
        command += [f"{rate:.3f}", f"{seconds * 1000:.0f}", str(calls), str(first)]
        self._child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    @property
    def is_over(self) -> bool:
        return self._child.poll() is not None

    def result(self) -> Pace:
        """Waits for its end."""
        out, err = self._child.communicate(timeout=self._seconds + 60)
        if self._child.returncode != 0:
            raise BenchError(f"paced failed: {err.strip()}")
        told = json.loads(out)
        return Pace(
            requests=told["requests"],
            p50=told["p50"] / 1e3,
            p90=told["p90"] / 1e3,
            p99=told["p99"] / 1e3,
            p999=told["p999"] / 1e3,
            highest=told["max"] / 1e3,
            late_p99=told["late_p99"] / 1e3,
            socket_errors=told["socket_errors"],
            unanswered=told["unanswered"],
            statuses={int(status): count for status, count in told["statuses"].items()},
        )


def drive(site: Site, calls: Path, core: int, rate: float, seconds: float, *, connections: int, first: int = 0) -> Pace:
    """Loads for so long."""
    return Paced(site, calls, core, rate, seconds, connections=connections, first=first).result()
