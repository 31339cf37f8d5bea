"""Callers at a fixed rate, undisturbed and then while `/metrics` is read once a second; how long reading takes."""

import statistics
import time
import urllib.request

from cases import BenchError, Case
from load.paced import Paced
from measures.stage import Measured, Stage, running
from results import Figure

RATE = 1_000
CONNECTIONS = 16
EVERY_SECONDS = 1.0
LEAST_SECONDS = 4
# Every route is called before the first reading.
COVER_RATE = 5_000


def figures(_: Case) -> list[Figure]:
    return [
        Figure("scrape_ms", "ms/reading", ".1f"),
        Figure("scrape_kib", "KiB/reading", ",.0f"),
        Figure("quiet_p999_ms", "p99.9 ms, undisturbed", ".2f"),
        Figure("scraped_p999_ms", "p99.9 ms, read", ".2f"),
    ]


def measure(stage: Stage) -> Measured:
    if not stage.target.metrics:
        raise BenchError("this proxy has no page of metrics")
    seconds = max(stage.seconds, LEAST_SECONDS)
    with running(stage):
        cover = stage.site.case.routes / COVER_RATE * 1.1
        _load(stage, COVER_RATE, cover).result()
        quiet = _load(stage, RATE, seconds).result()
        load, readings, next_at = _load(stage, RATE, seconds), [], time.monotonic()
        while not load.is_over:
            if time.monotonic() >= next_at:
                readings.append(_read(stage.target.metrics))
                next_at += EVERY_SECONDS
            time.sleep(0.01)
        scraped = load.result()
    told = {
        "scrape_ms": statistics.median(seconds for seconds, _ in readings) * 1e3,
        "scrape_kib": statistics.median(size for _, size in readings) / 1024,
        "quiet_p999_ms": quiet.p999,
        "scraped_p999_ms": scraped.p999,
    }
    return Measured(told, facts={"readings": len(readings)}, void=quiet.failure or scraped.failure)


def _read(url: str) -> tuple[float, int]:
    began = time.monotonic()
    with urllib.request.urlopen(url, timeout=30) as answer:
        size = len(answer.read())
    return time.monotonic() - began, size


def _load(stage: Stage, rate: float, seconds: float) -> Paced:
    return Paced(stage.site, stage.target.calls, stage.cores.others, rate, seconds, connections=CONNECTIONS)
