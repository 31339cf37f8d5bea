"""Callers at a fixed rate, undisturbed and then while the configuration is changed and loaded anew every second."""

import time

from cases import BenchError, Case
from load.paced import Paced
from measures.stage import WARM_UP_SECONDS, Measured, Stage, running
from results import Figure

RATE = 1_000
CONNECTIONS = 16
EVERY_SECONDS = 1.0
# Fewer would say nothing of a 99.9th percentile.
LEAST_SECONDS = 4


def figures(_: Case) -> list[Figure]:
    return [
        Figure("quiet_p50_ms", "p50 ms, undisturbed", ".2f"),
        Figure("reloading_p50_ms", "p50 ms, reloading", ".2f"),
        Figure("quiet_p999_ms", "p99.9 ms, undisturbed", ".2f"),
        Figure("reloading_p999_ms", "p99.9 ms, reloading", ".2f"),
        Figure("errors", "errors, reloading", ",.0f"),
        Figure("reloads", "reloads", ",.0f"),
    ]


def measure(stage: Stage) -> Measured:
    reload = stage.target.reload
    if not reload:
        raise BenchError("this proxy has no way to load its configuration anew")
    seconds = max(stage.seconds, LEAST_SECONDS)
    with running(stage) as run:
        _load(stage, WARM_UP_SECONDS).result()
        quiet = _load(stage, seconds).result()
        load, reloads, next_at = _load(stage, seconds), 0, time.monotonic()
        while not load.is_over:
            if time.monotonic() >= next_at:
                reload(run.pid, reloads)
                reloads += 1
                next_at = max(next_at + EVERY_SECONDS, time.monotonic())
            time.sleep(0.01)
        reloading = load.result()
        stage.target.wait()
    told = {
        "quiet_p50_ms": quiet.p50,
        "reloading_p50_ms": reloading.p50,
        "quiet_p999_ms": quiet.p999,
        "reloading_p999_ms": reloading.p999,
        "errors": reloading.errors,
        "reloads": reloads,
    }
    facts = {"quiet_highest_ms": quiet.highest, "reloading_highest_ms": reloading.highest}
    return Measured(told, facts=facts, void=quiet.failure)


def _load(stage: Stage, seconds: float) -> Paced:
    return Paced(stage.site, stage.target.calls, stage.cores.others, RATE, seconds, connections=CONNECTIONS)
