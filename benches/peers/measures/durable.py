"""Answers that wait for the disk: how many a second, against how often the disk itself can be waited for."""

import os
import time
from pathlib import Path

import checks
from cases import Case
from load import saturating
from measures.stage import WARM_UP_SECONDS, Measured, Meter, Stage, running
from results import Figure

BLOCK = b"x" * 4096


def figures(_: Case) -> list[Figure]:
    return [
        Figure("requests_per_second", "answers/s", ",.0f"),
        Figure("fsyncs_per_second", "the disk's fdatasync/s", ",.0f"),
        Figure("batch", "answers/fdatasync", ".1f"),
        Figure("cpu_us", "CPU µs/request", ".1f"),
    ]


def measure(stage: Stage) -> Measured:
    disk = _fsyncs_per_second(stage.site.folder, min(stage.seconds, 2))
    with running(stage) as run:
        warm_up = saturating.drive(stage.site, stage.target.calls, stage.cores.others, WARM_UP_SECONDS)
        meter = Meter(stage, run.pid)
        load = saturating.drive(stage.site, stage.target.calls, stage.cores.others, stage.seconds)
        meter.stop()
        called = warm_up.requests + load.requests + checks.GOOD_CALLS
        unpaid = run.usage.fault(called, 2 * stage.site.case.connections)
    rate = load.requests / load.seconds
    threads = meter.micros_by_thread(load.requests)
    told = {
        "requests_per_second": rate,
        "fsyncs_per_second": disk,
        "batch": rate / disk,
        "cpu_us": sum(threads.values()),
    }
    return Measured(told, threads, meter.disturbed, meter.facts, load.failure or meter.void or unpaid)


def _fsyncs_per_second(folder: Path, seconds: float) -> float:
    """One thread that appends and waits, as a journal without group commit would."""
    file = os.open(folder / "fsyncs", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        began, count = time.monotonic(), 0
        while time.monotonic() - began < seconds:
            os.write(file, BLOCK)
            os.fdatasync(file)
            count += 1
        return count / (time.monotonic() - began)
    finally:
        os.close(file)
