"""The load: wrk with one thread, as fast as the proxy answers."""

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path

from cases import BenchError, Site

SCRIPT = Path(__file__).with_name("load.lua")


@dataclass(frozen=True)
class Load:
    """What wrk counted. Latencies are at saturation: they restate throughput and promise nothing."""

    requests: int
    seconds: float
    p50_ms: float
    p99_ms: float
    not_2xx: int
    socket_errors: int

    @property
    def failure(self) -> str | None:
        """Why this load proves nothing, if so."""
        if self.not_2xx or self.socket_errors:
            return f"{self.not_2xx} answers of status 400 or above, {self.socket_errors} socket errors"
        return None if self.requests else "no request was answered"


def drive(site: Site, tokens: Path | None, core: int, seconds: int) -> Load:
    command = ["taskset", "-c", str(core), "wrk", "-t1", f"-c{site.case.connections}", f"-d{seconds}s"]
    command += ["--timeout", "10s", "-s", str(SCRIPT), site.url]
    if tokens:
        command += ["--", str(tokens)]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=seconds + 60, check=False)
    lines = [line for line in ended.stdout.splitlines() if line.startswith("{")]
    if ended.returncode != 0 or not lines:
        raise BenchError(f"wrk failed: {ended.stdout}{ended.stderr}".strip())
    counted = json.loads(lines[-1])
    return Load(
        requests=counted["requests"],
        seconds=counted["microseconds"] / 1e6,
        p50_ms=counted["p50"] / 1e3,
        p99_ms=counted["p99"] / 1e3,
        not_2xx=counted["not_2xx"],
        socket_errors=counted["socket_errors"],
    )
