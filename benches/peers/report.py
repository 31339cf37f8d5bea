"""Turns samples into the published table and its JSON."""

import dataclasses
import json
import statistics
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from cases import Case
from measure import Sample

YARDSTICK = "HAProxy"

# Share of its core that a proxy may lose before requests/s and latency say little.
QUIET = 0.05

# A thread that costs less a request is not named.
LEAST_US = 0.05

HEAD = """\
| proxy | CPU µs/request | × HAProxy | requests/s at saturation | p50 / p99 ms at saturation | RSS MiB under load |
| --- | --- | --- | --- | --- | --- |
"""

METHOD = """\
The proxy has one worker, pinned to one core; load (wrk, one thread) and upstream (one thread) share another. Rounds are
interleaved in rotated order, each run is a fresh process with 1 s of warm-up. CPU time is the on-CPU time of all threads
of the proxy's processes from `/proc/PID/task/*/schedstat`, divided by the requests that wrk counted. Figures are medians
(lowest–highest) over the rounds; ratios compare runs of the same round. Latency is at saturation: it restates
throughput. A run counts only if every answer was a 2xx; before and after each run the answer's length is checked and, in
cases with a token, that a missing and a forged token get 401.
"""


@dataclass
class Results:
    """All that a run found out."""

    machine: dict[str, str]
    command: str
    date: str
    tokens: str
    note: str
    versions: dict[str, str] = field(default_factory=dict)
    # (case, proxy) to how the proxy does the case, and to why it was left out.
    does: dict[tuple[str, str], str] = field(default_factory=dict)
    skipped: dict[tuple[str, str], str] = field(default_factory=dict)
    samples: list[Sample] = field(default_factory=list)

    def of(self, case: Case, proxy: str) -> list[Sample]:
        """The runs that count."""
        return [s for s in self.samples if (s.case, s.proxy) == (case.name, proxy) and not s.void]

    def ratios(self, case: Case, proxy: str) -> list[float]:
        """CPU time against the yardstick's, round by round."""
        yardstick = {sample.round: sample.cpu_us_per_request for sample in self.of(case, YARDSTICK)}
        runs = [sample for sample in self.of(case, proxy) if sample.round in yardstick]
        return [sample.cpu_us_per_request / yardstick[sample.round] for sample in runs]


def write(results: Results, cases: list[Case], folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "peers.md").write_text(markdown(results, cases))
    (folder / "peers.json").write_text(json.dumps(_json(results, cases), indent=2, ensure_ascii=False) + "\n")


def markdown(results: Results, cases: list[Case]) -> str:
    parts = ["# Side by side\n", _facts(results), METHOD]
    for case in cases:
        parts.append(f"## {case.title}\n\n{case.asks}\n")
        parts.append(_table(results, case))
        parts.append(_notes(results, case))
    return "\n".join(part for part in parts if part)


def _facts(results: Results) -> str:
    facts = dict(results.machine) | {"versions": ", ".join(f"{n} {v}" for n, v in results.versions.items())}
    facts |= {"tokens": results.tokens, "measured": results.date, "command": f"`{results.command}`"}
    facts |= {"note": results.note} if results.note else {}
    facts["disturbance"] = _disturbance([sample.disturbed for sample in results.samples])
    return "".join(f"- {name}: {fact}\n" for name, fact in facts.items())


def _disturbance(shares: list[float]) -> str:
    if not shares:
        return "no run was made"
    told = f"other processes had {_spread(shares, '.0%')} of the proxy's core"
    if statistics.median(shares) < QUIET:
        return told
    return f"{told}: **requests/s and latency of this run say little**; CPU time per request suffers by some percent"


def _table(results: Results, case: Case) -> str:
    proxies = [proxy for proxy in results.versions if results.of(case, proxy)]
    if not proxies:
        return "No run of this case counted.\n"
    return HEAD + "".join(_row(results, case, proxy) for proxy in proxies)


def _row(results: Results, case: Case, proxy: str) -> str:
    runs = results.of(case, proxy)

    def spread(figure: Callable[[Sample], float], form: str) -> str:
        return _spread([figure(run) for run in runs], form)

    ratios = results.ratios(case, proxy)
    cells = [
        proxy,
        spread(lambda run: run.cpu_us_per_request, ".1f"),
        _spread(ratios, ".2f") if ratios else "–",
        spread(lambda run: run.requests_per_second, ",.0f"),
        f"{statistics.median(run.p50_ms for run in runs):.2f} / {statistics.median(run.p99_ms for run in runs):.2f}",
        f"{statistics.median(run.resident_mib for run in runs):.0f}",
    ]
    return f"| {' | '.join(cells)} |\n"


def _spread(figures: list[float], form: str) -> str:
    median, low, high = statistics.median(figures), min(figures), max(figures)
    return f"{median:{form}} ({low:{form}}–{high:{form}})"


def _notes(results: Results, case: Case) -> str:
    notes = [f"- {proxy}: {text}." for (name, proxy), text in results.does.items() if name == case.name]
    notes += [_threads(proxy, runs) for proxy in results.versions if (runs := results.of(case, proxy))]
    notes += [f"- {proxy} left out: {why}." for (name, proxy), why in results.skipped.items() if name == case.name]
    voids = [sample for sample in results.samples if sample.case == case.name and sample.void]
    notes += [f"- {sample.proxy}, round {sample.round} does not count: {sample.void}." for sample in voids]
    return "\n".join(note for note in notes if note) + "\n"


def _threads(proxy: str, runs: list[Sample]) -> str:
    """Where the CPU time of a proxy with several threads went; threads that did next to nothing are left out."""
    names = {name for run in runs for name in run.threads_us_per_request}
    spent = {name: statistics.median(run.threads_us_per_request.get(name, 0.0) for run in runs) for name in names}
    told = [f"{name} {us:.1f}" for name, us in sorted(spent.items(), key=lambda item: -item[1]) if us >= LEAST_US]
    return f"- {proxy}'s threads, µs/request: {', '.join(told)}." if len(told) > 1 else ""


def _json(results: Results, cases: list[Case]) -> dict[str, object]:
    summaries = [
        {
            "case": case.name,
            "proxy": proxy,
            "does": results.does.get((case.name, proxy)),
            "runs": len(results.of(case, proxy)),
            "cpu_us_per_request": _median(results.of(case, proxy)),
            "ratio_to_haproxy": statistics.median(ratios) if (ratios := results.ratios(case, proxy)) else None,
        }
        for case in cases
        for proxy in results.versions
        if results.of(case, proxy)
    ]
    skipped = [{"case": case, "proxy": proxy, "why": why} for (case, proxy), why in results.skipped.items()]
    return {
        "machine": results.machine,
        "command": results.command,
        "date": results.date,
        "tokens": results.tokens,
        "note": results.note,
        "versions": results.versions,
        "summaries": summaries,
        "skipped": skipped,
        "samples": [dataclasses.asdict(sample) for sample in results.samples],
    }


def _median(runs: list[Sample]) -> float:
    return statistics.median(run.cpu_us_per_request for run in runs)
