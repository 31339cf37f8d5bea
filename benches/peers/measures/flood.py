"""Good callers at a fixed rate, alone and then beside a flood of forged tokens: what it costs, and does to them."""

from pathlib import Path

import calls
import checks
from cases import Case
from load.paced import Pace, Paced
from measures.stage import WARM_UP_SECONDS, Measured, Meter, Stage, running
from results import Figure

GOOD_RATE = 1_000
GOOD_CONNECTIONS = 16
FORGED_RATE = 5_000
FORGED_CONNECTIONS = 64


def figures(_: Case) -> list[Figure]:
    return [
        Figure("forged_us", "CPU µs/forged request, looked at or not", ".1f", is_compared=True),
        Figure("looked_percent", "% of forged ones looked at", ".1f"),
        Figure("good_us", "CPU µs/good request, alone", ".1f"),
        Figure("alone_p50_ms", "p50 ms, alone", ".2f"),
        Figure("beside_p50_ms", "p50 ms, beside", ".2f"),
        Figure("alone_p99_ms", "p99 ms, alone", ".2f"),
        Figure("beside_p99_ms", "p99 ms, beside", ".2f"),
    ]


def measure(stage: Stage) -> Measured:
    forged_calls = _forge(stage)
    with running(stage) as run:
        warm_up = _good(stage, WARM_UP_SECONDS).result()
        alone_meter = Meter(stage, run.pid)
        alone = _good(stage, stage.seconds).result()
        alone_meter.stop()
        meter = Meter(stage, run.pid)
        good, flood = _good(stage, stage.seconds), _flood(stage, forged_calls)
        beside, forged = good.result(), flood.result()
        meter.stop()
        called = warm_up.requests + alone.requests + beside.requests + checks.GOOD_CALLS
        unpaid = run.usage.fault(called, alone.unanswered + beside.unanswered)
    return _told((alone, alone_meter), (beside, forged, meter), unpaid)


def _told(first: tuple[Pace, Meter], second: tuple[Pace, Pace, Meter], unpaid: str | None) -> Measured:
    (alone, alone_meter), (beside, forged, meter) = first, second
    good_us = alone_meter.total * 1e6 / max(alone.requests, 1)
    told = {
        # What is left once the good callers have their part.
        "forged_us": (meter.total * 1e6 - good_us * beside.requests) / max(forged.requests, 1),
        # Who forges more than it may guess is turned away without a look, by another status than 401.
        "looked_percent": forged.statuses.get(401, 0) * 100 / max(forged.requests, 1),
        "good_us": good_us,
        "alone_p50_ms": alone.p50,
        "beside_p50_ms": beside.p50,
        "alone_p99_ms": alone.p99,
        "beside_p99_ms": beside.p99,
    }
    facts = {"alone_p999_ms": alone.p999, "beside_p999_ms": beside.p999}
    facts |= {f"forged_{status}": count for status, count in forged.statuses.items()}
    void = alone.failure or beside.failure or alone_meter.void or meter.void or unpaid or _failure(forged)
    return Measured(told, {}, meter.disturbed, facts | meter.facts, void)


def _failure(forged: Pace) -> str | None:
    """Why this flood proves nothing, if so."""
    if passed := sum(count for status, count in forged.statuses.items() if 200 <= status < 300):
        return f"{passed} forged tokens passed"
    if lost := forged.unanswered + forged.socket_errors:
        return f"the flood: {lost} calls were not answered"
    return None


def _good(stage: Stage, seconds: float) -> Paced:
    return Paced(stage.site, stage.target.calls, stage.cores.others, GOOD_RATE, seconds, connections=GOOD_CONNECTIONS)


def _flood(stage: Stage, forged_calls: Path) -> Paced:
    core, seconds = stage.cores.others, stage.seconds
    return Paced(stage.site, forged_calls, core, FORGED_RATE, seconds, connections=FORGED_CONNECTIONS)


def _forge(stage: Stage) -> Path:
    """Calls with forged tokens, all different."""
    with stage.target.calls.open() as lines:
        headers = [line.rstrip("\n").split("\t")[1] for line in lines]
    count = round(FORGED_RATE * stage.seconds)
    forged = (calls.forged(headers[number % len(headers)], number) for number in range(count))
    return calls.write(stage.site.folder / "forged", stage.site.case, forged)
