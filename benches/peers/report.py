"""Turns results, in their JSON form, into the published tables."""

import statistics
from pathlib import Path
from typing import Any

Json = dict[str, Any]

# Share of its core that a proxy may lose before requests/s and latency say little.
QUIET = 0.05

# A thread that costs less a request is not named.
LEAST_US = 0.05

METHOD = """\
Each proxy has one worker and is pinned to one core; load and upstream (one thread each) share another. In each case rounds
are interleaved in rotated order, and each run is a fresh process with 1 s of warm-up. Figures are medians (lowest–highest)
over the rounds; ratios compare runs of the same round. A figure without a range is of one run: system calls, idle connections,
and whatever was measured in one round.

- **CPU time** is the on-CPU time of all threads of the proxy's processes from `/proc/PID/task/*/schedstat`, divided by the
  requests that the load counted: wrk for HTTP/1.1, h2load for HTTP/2, both as fast as the proxy answers. Tollgate's books are
  kept after the answers: its time counts on after the load, until no more records wait for the books than before it, so that
  what the requests caused is in the figure whenever it was done. Requests/s are of the load's time alone. "Serving" are
  the threads that do what peers do too: of Tollgate, its cores and the one that writes the journal. What is beyond it keeps
  the books; it is not told apart where most calls verify or load a credential, which the same threads do.
- **Latency** is at one rate for all proxies of a case, 70 % of the requests/s that the slowest of them reached, over the
  same connections. The load does not wait for answers: latency counts from when a request was meant to be sent, also
  while it waits for a free connection, so no stall hides others. Load and upstream share a core, and are in it.
- **System calls** are counted by `perf` at the kernel's entry (or `strace`), under a load of their own.
- **TLS** is spoken by TLS_AES_128_GCM_SHA256 with every proxy: clients offer nothing else.
- A run counts only if no answer was refused: the paced load and h2load see that each is a 2xx, wrk that none has a status of
  400 or above and that what it read has room for all bodies. In cases with a credential each call must have left exactly one
  record: a line of status 200 in a peer's log, a record on the disk in Tollgate's journal; calls that wrk breaks off when it
  ends may have left one too, and no others. Before and after each run the answer's length is checked, that no and a forged
  credential get 401 (after the flood of forged ones 401 or 429); with many routes, that an unknown path gets 404.
"""


def write(folder: Path, everything: Json) -> None:
    (folder / "peers.md").write_text(markdown(everything))


def markdown(everything: Json) -> str:
    parts = ["# Side by side\n", _facts(everything["machine"]), METHOD]
    parts.append("![CPU time for a request](cpu.svg)\n\n![Latency at a fixed rate](latency.svg)\n")
    parts += [of_case(case) for case in everything["cases"].values()]
    return "\n".join(parts)


def _facts(facts: dict[str, str]) -> str:
    return "".join(f"- {name}: {fact}\n" for name, fact in facts.items())


def of_case(case: Json) -> str:
    """One case's section."""
    return "\n".join([f"## {case['title']}\n", f"{case['asks']}\n", _table(case), _notes(case)])


def _table(case: Json) -> str:
    proxies = [proxy for proxy in case["does"] if any(case["summary"][proxy].values())]
    if not proxies:
        return "No run of this case counts.\n"
    columns = _columns(case, proxies)
    head = f"| proxy | {' | '.join(title for title, _ in columns)} |\n|{' --- |' * (len(columns) + 1)}\n"
    rows = (f"| {proxy} | {' | '.join(cells[proxy] for _, cells in columns)} |\n" for proxy in proxies)
    return head + "".join(rows)


def _columns(case: Json, proxies: list[str]) -> list[tuple[str, dict[str, str]]]:
    """Titles, and each proxy's cell; a figure that no proxy has makes none."""
    columns = []
    for figure in case["figures"]:
        spreads = {proxy: case["summary"][proxy].get(figure["name"]) for proxy in proxies}
        if not any(spreads.values()):
            continue
        columns.append((figure["title"], {proxy: _cell(spread, figure["form"]) for proxy, spread in spreads.items()}))
        for yardstick in case["yardsticks"] if figure["is_compared"] else ():
            ratios = {proxy: case["summary"][proxy].get(f"{figure['name']}_ratios", {}).get(yardstick) for proxy in proxies}
            if any(ratios.values()):
                columns.append((f"× {yardstick}", {proxy: _cell(spread, ".2f") for proxy, spread in ratios.items()}))
    return columns


def _cell(spread: dict[str, float] | None, form: str) -> str:
    if not spread:
        return "–"
    median, low, high = (f"{spread[name]:{form}}" for name in ("median", "low", "high"))
    return median if spread["runs"] == 1 else f"{median} ({low}–{high})"


def _notes(case: Json) -> str:
    notes = [f"- {proxy} {case['versions'].get(proxy, '')}: {text}." for proxy, text in case["does"].items()]
    notes += [_threads(proxy, case) for proxy in case["does"]]
    notes += [f"- {proxy} left out: {why}." for proxy, why in case["skipped"].items()]
    notes += [_backlog(proxy, case) for proxy in case["does"]]
    notes += [_once(case), _rate(case), _disturbance(case)]
    notes += [
        f"- {sample['proxy']}, {sample['measure']}, round {sample['round']} does not count: {sample['void']}."
        for sample in case["samples"]
        if sample["void"]
    ]
    measured = case["measured"]
    note = f" ({measured['note']})" if measured.get("note") else ""
    notes.append(f"- Measured on {measured['date']} by `{measured['command']}`{note}.")
    return "\n".join(note for note in notes if note) + "\n"


def _threads(proxy: str, case: Json) -> str:
    """Where the CPU time of a proxy with several threads went; threads that did next to nothing are left out."""
    counted = [sample for sample in case["samples"] if sample["proxy"] == proxy and not sample["void"]]
    runs = [sample["threads"] for sample in counted if sample["threads"]]
    names = {name for run in runs for name in run}
    spent = {name: statistics.median(run.get(name, 0.0) for run in runs) for name in names}
    told = [f"{name} {us:.1f}" for name, us in sorted(spent.items(), key=lambda item: -item[1]) if us >= LEAST_US]
    return f"- {proxy}'s threads, µs/request: {', '.join(told)}." if len(told) > 1 else ""


def _backlog(proxy: str, case: Json) -> str:
    """What waited for the books when a load ended."""
    counted = [sample for sample in case["samples"] if sample["proxy"] == proxy and not sample["void"]]
    told = []
    for measure in dict.fromkeys(sample["measure"] for sample in counted):
        runs = [run["facts"] for run in counted if run["measure"] == measure and "waited_seconds" in run["facts"]]
        if runs:
            before, after, seconds = (
                statistics.median(facts[name] for facts in runs) for name in ("waited_before", "waited_after", "waited_seconds")
            )
            told.append(f"{measure}: {after:,.0f} at its end, {before:,.0f} at its start, as few again after {seconds:.1f} s")
    return f"- {proxy}'s usage records that waited for the books ({'; '.join(told)})." if told else ""


def _once(case: Json) -> str:
    once = [measure for measure, is_repeated in case.get("repeats", {}).items() if not is_repeated]
    return f"- Measured once, so these are no medians: {', '.join(once)}." if once else ""


def _rate(case: Json) -> str:
    paced = [sample["facts"] for sample in case["samples"] if "rate" in sample["facts"]]
    if not paced:
        return ""
    late = max(facts["late_p99_ms"] for facts in paced)
    return f"- Latency at {paced[0]['rate']:,.0f} requests/s; the 99th percentile was sent up to {late:.2f} ms late."


def _disturbance(case: Json) -> str:
    shares = [sample["disturbed"] for sample in case["samples"] if not sample["void"]]
    if not shares:
        return ""
    told = f"- Other processes had {statistics.median(shares):.0%} ({min(shares):.0%}–{max(shares):.0%}) of the proxy's core"
    if statistics.median(shares) < QUIET:
        return f"{told}."
    return f"{told}: **requests/s and latency of this case say little**; CPU time suffers by some percent."
