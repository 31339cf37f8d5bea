"""One run: a fresh proxy process, checked, warmed up, loaded, and read out."""

import http.client
import time
from dataclasses import dataclass
from pathlib import Path

import load
import processes
from cases import BenchError, Site
from proxies.peer import Target

# A usage record says at least who, what, when and how it ended; less than this cannot be one.
LEAST_USAGE_BYTES = 20


@dataclass(frozen=True)
class Cores:
    """The proxy has a core to itself; load and upstream share the other."""

    proxy: int
    others: int


@dataclass(frozen=True)
class Sample:
    """The figures of one run; `void` says why they count for nothing, if so."""

    case: str
    proxy: str
    round: int
    requests: int
    cpu_us_per_request: float
    # The same by thread name; they add up to it.
    threads_us_per_request: dict[str, float]
    requests_per_second: float
    p50_ms: float
    p99_ms: float
    resident_mib: float
    usage_bytes_per_request: float
    # Share of the proxy's core that other processes took, 0 to 1: the run's disturbance.
    disturbed: float
    void: str | None


def run(site: Site, target: Target, proxy: str, round_number: int, seconds: int, cores: Cores) -> Sample:
    target.reset()
    output = site.folder / "output"
    with processes.Process(target.command, cores.proxy, output, target.environment) as process:
        process.wait_for_port(site.port)
        check_answers(site, target.tokens)
        load.drive(site, target.tokens, cores.others, seconds=1)
        pids = processes.tree(process.pid)
        usage = target.usage or output
        usage_before = size(usage)
        began, cpu_before, busy_before = time.monotonic(), processes.cpu_seconds(pids), processes.busy_seconds(cores.proxy)
        counted = load.drive(site, target.tokens, cores.others, seconds)
        cpu_after, busy_after = processes.cpu_seconds(pids), processes.busy_seconds(cores.proxy)
        elapsed = time.monotonic() - began
        resident = processes.resident_mib(pids)
        check_answers(site, target.tokens)
    # Read after the end, so that records on their way are counted too.
    usage_bytes = (size(usage) - usage_before) / max(counted.requests, 1)
    threads = {name: spent - cpu_before.get(name, 0.0) for name, spent in cpu_after.items()}
    cpu = sum(threads.values())
    return Sample(
        case=site.case.name,
        proxy=proxy,
        round=round_number,
        requests=counted.requests,
        cpu_us_per_request=cpu * 1e6 / max(counted.requests, 1),
        threads_us_per_request={name: spent * 1e6 / max(counted.requests, 1) for name, spent in threads.items()},
        requests_per_second=counted.requests / counted.seconds,
        p50_ms=counted.p50_ms,
        p99_ms=counted.p99_ms,
        resident_mib=resident,
        usage_bytes_per_request=usage_bytes,
        disturbed=max(0.0, (busy_after - busy_before - cpu) / elapsed),
        void=counted.failure or _missing_usage(site, usage_bytes),
    )


def _missing_usage(site: Site, usage_bytes: float) -> str | None:
    if site.case.needs_token and usage_bytes < LEAST_USAGE_BYTES:
        return f"only {usage_bytes:.0f} usage bytes a request were written"
    return None


def check_answers(site: Site, tokens: Path | None) -> None:
    """wrk counts, it does not look: here is seen that the answer is the upstream's, and that bad tokens are refused."""
    if not tokens:
        _expect(site, 200, None)
        return
    with tokens.open() as lines:
        token = lines.readline().strip()
    _expect(site, 200, token)
    _expect(site, 401, None)
    _expect(site, 401, _forged(token))


def _forged(token: str) -> str:
    """The token with another signature: a character in the midst of it is changed."""
    signed, signature = token.rsplit(".", 1)
    middle = len(signature) // 2
    other = "A" if signature[middle] != "A" else "B"
    return f"{signed}.{signature[:middle]}{other}{signature[middle + 1:]}"


def _expect(site: Site, status: int, token: str | None) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", site.port, timeout=10)
    connection.request("GET", site.case.path, headers={"Authorization": f"Bearer {token}"} if token else {})
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    if answer.status != status:
        raise BenchError(f"GET {site.case.path} gave {answer.status} instead of {status}: {body[:500]!r}")
    if status == 200 and len(body) != site.case.answer_bytes:
        raise BenchError(f"GET {site.case.path} gave {len(body)} bytes instead of {site.case.answer_bytes}")


def size(path: Path) -> int:
    """Bytes in a file, or in all files of a folder."""
    if path.is_dir():
        return sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
    return path.stat().st_size if path.exists() else 0
