"""wrk: HTTP/1.1, with TLS or without."""

import json
import subprocess
from pathlib import Path

from cases import BenchError, Site

SCRIPT = Path(__file__).with_name("wrk.lua")


def drive(site: Site, calls: Path | None, core: int, seconds: float, first: int) -> tuple[int, float, int, int]:
    """Requests, seconds, answers of status 400 or above, socket errors."""
    command = ["taskset", "-c", str(core), "wrk", "-t1", f"-c{site.case.connections}", f"-d{max(1, round(seconds))}s"]
    command += ["--timeout", "10s", "-s", str(SCRIPT), site.url]
    command += ["--", str(calls or "-"), str(first), str(site.case.body_bytes)]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=seconds + 120, check=False)
    lines = [line for line in ended.stdout.splitlines() if line.startswith("{")]
    if ended.returncode != 0 or not lines:
        raise BenchError(f"wrk failed: {ended.stdout}{ended.stderr}".strip())
    counted = json.loads(lines[-1])
    # wrk tells how many answers had a status of 400 or above; others than 2xx below that have no such body.
    if counted["bytes"] < counted["requests"] * site.case.answer_bytes:
        raise BenchError(f"wrk read {counted['bytes']} bytes in {counted['requests']} answers: some had not the body")
    return counted["requests"], counted["microseconds"] / 1e6, counted["refused"], counted["socket_errors"]
