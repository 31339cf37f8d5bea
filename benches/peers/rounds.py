"""One case: its proxies are made ready, then measured in interleaved rounds."""

import argparse
import shutil
import statistics
import sys
from dataclasses import dataclass
from pathlib import Path

import processes
from cases import BenchError, Case, Site
from machine import Cores
from measures import MEASURES
from measures.latency import SHARE
from measures.stage import WARM_UP_SECONDS, Stage
from proxies.peer import Peer, Target
from results import CaseResults, Sample

# More than any proxy asks for in a second, so that no new token comes twice.
NEW_TOKENS_PER_SECOND = 20_000


@dataclass(frozen=True)
class Entry:
    """One proxy, ready for the case."""

    peer: Peer
    site: Site
    target: Target


class Rounds:
    def __init__(
        self,
        case: Case,
        peers: dict[str, Peer],
        options: argparse.Namespace,
        measured: dict[str, str],
        folder: Path,
        upstream_port: int,
        cores: Cores,
    ) -> None:
        self._case = case
        self._peers = [peers[name] for name in case.proxies if name in peers]
        self._options = options
        self._folder = folder
        self._upstream_port = upstream_port
        self._cores = cores
        figures = [figure for name in case.measures for figure in MEASURES[name].figures(case)]
        self._found = CaseResults(case.name, case.title, case.asks, case.yardsticks, figures, measured)
        self._found.skipped |= case.left_out
        self._found.repeats = {name: MEASURES[name].is_repeated for name in case.measures}

    def run(self) -> CaseResults:
        """What was found; the files of the case are removed."""
        self._folder.mkdir()
        entries = [entry for peer in self._peers if (entry := self._prepare(peer))]
        for name in self._case.measures:
            self._measure(name, entries)
        shutil.rmtree(self._folder)
        return self._found

    def _prepare(self, peer: Peer) -> Entry | None:
        if why := peer.obstacle(self._case):
            self._found.skipped[peer.name] = why
            say(f"{self._case.name}: {peer.name} left out: {why}")
            return None
        say(f"{self._case.name}: preparing {peer.name}")
        own = self._folder / peer.name.lower().replace(", ", "-").replace(" ", "-")
        own.mkdir()
        options = self._options
        new_tokens = round(NEW_TOKENS_PER_SECOND * (options.seconds + WARM_UP_SECONDS + 1))
        ports = processes.free_port(), self._upstream_port
        site = Site(self._case, own, *ports, options.tokens, new_tokens, options.apps)
        entry = Entry(peer, site, peer.prepare(site))
        self._found.versions[peer.name] = peer.version()
        self._found.does[peer.name] = entry.target.does
        return entry

    def _measure(self, name: str, entries: list[Entry]) -> None:
        """Every proxy once, then again, beginning with another one each time: slow drift of the machine meets all alike."""
        rounds = self._options.rounds if MEASURES[name].is_repeated else 1
        rate = self._rate() if name == "latency" else 0.0
        for number in range(rounds):
            shift = number % max(len(entries), 1)
            for entry in entries[shift:] + entries[:shift]:
                sample = self._sample(name, entry, number + 1, rate)
                self._found.samples.append(sample)
                say(_told(self._case, sample, rounds))

    def _sample(self, name: str, entry: Entry, number: int, rate: float) -> Sample:
        # Once is enough, and a quick run has no time for it but in the main cases.
        counts = number == 1 and not (self._options.quick and "latency" not in self._case.measures)
        stage = Stage(entry.site, entry.target, self._cores, self._options.seconds, rate, counts_syscalls=counts)
        try:
            measured = MEASURES[name].run(stage)
        except BenchError as error:
            return Sample(entry.peer.name, name, number, {}, void=_brief(f"{error}"))
        return Sample(
            entry.peer.name,
            name,
            number,
            measured.figures,
            {thread: us for thread, us in measured.threads.items() if us > 0},
            measured.disturbed,
            measured.facts,
            measured.void,
        )

    def _rate(self) -> float:
        """The same for all: a share of what the slowest of them reaches."""
        reached = [self._found.values(peer.name, "requests_per_second").values() for peer in self._peers]
        medians = [statistics.median(values) for values in reached if values]
        if not medians:
            raise BenchError(f"{self._case.name}: no run counts from which a rate could follow")
        return round(SHARE * min(medians))


def _brief(text: str) -> str:
    """What a report has room for; the whole of it was for whoever watches the run."""
    say(text)
    lines = text.strip().split("\n")
    graves = [line for line in lines if any(word in line.lower() for word in ("alert", "emerg", "error"))]
    return " ".join((graves or lines)[0].split())[:200]


def _told(case: Case, sample: Sample, rounds: int) -> str:
    figures = "  ".join(f"{name} {value:,.4g}" for name, value in sample.figures.items())
    void = f"  VOID: {sample.void}" if sample.void else ""
    return f"{case.name} {sample.measure} {sample.round}/{rounds} {sample.proxy:15} {figures}{void}"


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
