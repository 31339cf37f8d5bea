"""h2load: HTTP/2, with TLS or without; all calls are alike."""

import re
import subprocess

from cases import BenchError, Site
from client_tls import CIPHER

REQUESTS = re.compile(r"requests: (\d+) total, (\d+) started, (\d+) done, (\d+) succeeded, (\d+) failed, (\d+) errored")
STATUSES = re.compile(r"status codes: (\d+) 2xx, (\d+) 3xx, (\d+) 4xx, (\d+) 5xx")
SPOKEN = re.compile(r"Cipher: (\S+)")
DATA = re.compile(r"\((\d+)\) data")


def drive(site: Site, core: int, seconds: float) -> tuple[int, float, int, int]:
    """Requests, seconds, answers of other statuses than 2xx, errors."""
    case = site.case
    told = _run(core, "-D", str(max(1, round(seconds))), "-c", str(case.connections), "-m", str(case.streams), site.url)
    # What is under way at the end is started, but neither done nor an error.
    _, _, done, _, _, errored = _numbers(REQUESTS, told)
    return done, max(1.0, float(round(seconds))), max(0, done - errored - _numbers(STATUSES, told)[0]), errored


def body_bytes(site: Site, core: int) -> int:
    """Bytes of one answer's body; fails unless it is a 2xx."""
    told = _run(core, "-n", "1", "-c", "1", "-m", "1", site.url)
    if _numbers(STATUSES, told)[0] != 1:
        raise BenchError(f"h2load got no 2xx from {site.url}: {told}")
    return _numbers(DATA, told)[0]


def _run(core: int, *arguments: str) -> str:
    command = ["taskset", "-c", str(core), "h2load", "-t1", f"--tls13-ciphers={CIPHER}", *arguments]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    if ended.returncode != 0:
        raise BenchError(f"h2load failed: {ended.stdout}{ended.stderr}".strip())
    spoken = SPOKEN.search(ended.stdout)
    if spoken and spoken.group(1) != CIPHER:
        raise BenchError(f"h2load speaks TLS by {spoken.group(1)}, not by {CIPHER}")
    return ended.stdout


def _numbers(pattern: re.Pattern[str], told: str) -> list[int]:
    found = pattern.search(told)
    if not found:
        raise BenchError(f"h2load tells no {pattern.pattern}: {told}")
    return [int(number) for number in found.groups()]
