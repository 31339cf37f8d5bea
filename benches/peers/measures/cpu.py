"""CPU time for a request, under as much load as the proxy takes; throughput, memory and system calls on the way."""

import calls
import checks
import processes
import syscalls
from cases import Case, Credential
from load import saturating
from measures.stage import WARM_UP_SECONDS, Measured, Meter, Stage, running
from results import Figure

# More different calls than this are not all made before the measuring, nor for longer than so many seconds.
MOST_WARMED = 20_000
MOST_WARM_UPS = 10


def figures(case: Case) -> list[Figure]:
    unit = "MiB" if case.is_large else "request"
    shown = [Figure("cpu_us", f"CPU µs/{unit}", ".1f", is_compared=True)]
    if case.tells_serving:
        # A peer does nothing that these threads do not.
        shown.append(Figure("serving_us", "of it, serving", ".1f", is_compared=True))
    shown.append(Figure("requests_per_second", "requests/s at saturation", ",.0f"))
    shown.append(Figure("syscalls", f"syscalls/{unit}", ".2f"))
    shown.append(Figure("resident_mib", "RSS MiB", ".0f"))
    return shown


def measure(stage: Stage) -> Measured:
    site, target, load_core = stage.site, stage.target, stage.cores.others
    with running(stage) as run:
        called, loads, cold_failure = _warm_up(stage)
        pids = processes.tree(run.pid)
        meter = Meter(stage, run.pid)
        load = saturating.drive(site, target.calls, load_core, stage.seconds, first=called)
        resident = processes.resident_mib(pids)
        meter.stop()
        called += load.requests
        counted, counted_requests, counted_failure = _syscalls(stage, pids, called)
        called += counted_requests
        loads += 2 if counted_requests else 1
        unpaid = run.usage.fault(called + checks.GOOD_CALLS, loads * site.case.connections)
    threads = meter.micros_by_thread(load.requests)
    told = {
        "cpu_us": sum(threads.values()),
        "requests_per_second": load.requests / load.seconds,
        "resident_mib": resident,
    }
    if site.case.tells_serving:
        told["serving_us"] = sum(us for name, us in threads.items() if target.is_serving(name))
    if counted_requests:
        told["syscalls"] = counted / counted_requests
    failure = cold_failure or load.failure or counted_failure
    void = failure or meter.void or unpaid or _repeated(stage, called)
    return Measured(told, threads, meter.disturbed, meter.facts, void)


def _warm_up(stage: Stage) -> tuple[int, int, str | None]:
    """For a second, and until each call was made once if there are not too many; how many were made, by how many loads, and
    what failed."""
    wanted, called, loads, failure = calls.count(stage.target.calls), 0, 0, None
    wanted = wanted if wanted <= MOST_WARMED else 0
    for loads in range(1, MOST_WARM_UPS + 1):
        load = saturating.drive(stage.site, stage.target.calls, stage.cores.others, WARM_UP_SECONDS, first=called)
        called += load.requests
        failure = failure or load.failure
        if called >= wanted:
            break
    return called, loads, failure


def _syscalls(stage: Stage, pids: list[int], called: int) -> tuple[int, int, str | None]:
    """System calls, and the requests that made them: by themselves, since counting them costs time; and what failed."""
    if not stage.counts_syscalls or not syscalls.tool():
        return 0, 0, None
    with syscalls.Counter(pids, stage.site.folder) as counter:
        load = saturating.drive(stage.site, stage.target.calls, stage.cores.others, 1, first=called)
    return counter.count, load.requests, load.failure


def _repeated(stage: Stage, called: int) -> str | None:
    if stage.site.case.credential is Credential.NEW_TOKEN and called > stage.site.new_tokens:
        return f"{called} calls were made with {stage.site.new_tokens} tokens, so tokens came twice"
    return None
