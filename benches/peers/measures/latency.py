"""Latency at one rate for all proxies of the case, below what the slowest of them reaches."""

import checks
from cases import Case
from load import paced
from measures.stage import WARM_UP_SECONDS, Measured, Meter, Stage, running
from results import Figure

# Of the lowest requests/s at saturation among the proxies of a case.
SHARE = 0.7


def figures(_: Case) -> list[Figure]:
    return [
        Figure("p50_ms", "p50 ms", ".2f"),
        Figure("p99_ms", "p99 ms", ".2f"),
        Figure("p999_ms", "p99.9 ms", ".2f"),
        Figure("paced_us", "CPU µs/request at that rate", ".1f"),
    ]


def measure(stage: Stage) -> Measured:
    site, target, connections = stage.site, stage.target, stage.site.case.connections
    with running(stage) as run:
        core, rate = stage.cores.others, stage.rate
        called = paced.drive(site, target.calls, core, rate, WARM_UP_SECONDS, connections=connections).requests
        meter = Meter(stage, run.pid)
        pace = paced.drive(site, target.calls, core, rate, stage.seconds, connections=connections, first=called)
        meter.stop()
        unpaid = run.usage.fault(called + pace.requests + checks.GOOD_CALLS, pace.unanswered)
    told = {"p50_ms": pace.p50, "p99_ms": pace.p99, "p999_ms": pace.p999}
    told["paced_us"] = meter.total * 1e6 / max(pace.requests, 1)
    facts = {"rate": rate, "late_p99_ms": pace.late_p99, "highest_ms": pace.highest, **meter.facts}
    return Measured(told, {}, meter.disturbed, facts, pace.failure or meter.void or unpaid)
