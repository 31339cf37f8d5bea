"""What a run found out, and its form in JSON: one entry for each case, so that a run of some cases leaves the others."""

import dataclasses
import json
import statistics
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

FILE = "peers.json"


@dataclass(frozen=True)
class Figure:
    """One column of a case's table: its name in samples, its title, its form, and whether it is set against yardsticks."""

    name: str
    title: str
    form: str
    is_compared: bool = False


@dataclass(frozen=True)
class Sample:
    """The figures of one run; `void` says why they count for nothing, if so."""

    proxy: str
    measure: str
    round: int
    figures: dict[str, float]
    # CPU time for each request by thread name, µs.
    threads: dict[str, float] = field(default_factory=dict)
    # Share of the proxy's core that other processes took, 0 to 1: the run's disturbance.
    disturbed: float = 0.0
    # What else is to be known of the run, such as the rate that was asked for.
    facts: dict[str, float] = field(default_factory=dict)
    void: str | None = None


@dataclass
class CaseResults:
    """All that was found out of one case."""

    name: str
    title: str
    asks: str
    yardsticks: tuple[str, ...]
    figures: list[Figure]
    measured: dict[str, str]
    versions: dict[str, str] = field(default_factory=dict)
    # How each proxy does the case, and why others were left out.
    does: dict[str, str] = field(default_factory=dict)
    skipped: dict[str, str] = field(default_factory=dict)
    # Whether each measure is made once a round, or once in all.
    repeats: dict[str, bool] = field(default_factory=dict)
    samples: list[Sample] = field(default_factory=list)

    def values(self, proxy: str, figure: str) -> dict[int, float]:
        """A figure by round, of the runs that count."""
        runs = [run for run in self.samples if run.proxy == proxy and not run.void and figure in run.figures]
        return {run.round: run.figures[figure] for run in runs}

    def ratios(self, proxy: str, figure: str, yardstick: str) -> list[float]:
        """A figure against the yardstick's, round by round."""
        base = self.values(yardstick, figure)
        return [value / base[number] for number, value in self.values(proxy, figure).items() if base.get(number)]

    def summary(self) -> dict[str, Any]:
        """Median, lowest and highest of each figure and ratio by proxy."""
        return {proxy: self._summary_of(proxy) for proxy in self.does}

    def _summary_of(self, proxy: str) -> dict[str, Any]:
        told: dict[str, Any] = {}
        for figure in self.figures:
            if values := self.values(proxy, figure.name):
                told[figure.name] = spread(list(values.values()))
            if figure.is_compared:
                ratios = {name: self.ratios(proxy, figure.name, name) for name in self.yardsticks}
                told[f"{figure.name}_ratios"] = {name: spread(some) for name, some in ratios.items() if some}
        return told

    def to_json(self) -> dict[str, Any]:
        return {**dataclasses.asdict(self), "summary": self.summary()}


def spread(values: list[float]) -> dict[str, float]:
    return {"median": statistics.median(values), "low": min(values), "high": max(values), "runs": len(values)}


def read(folder: Path) -> dict[str, Any]:
    file = folder / FILE
    kept = json.loads(file.read_text()) if file.exists() else {}
    return kept if "cases" in kept else {"machine": {}, "cases": {}}


def write(folder: Path, machine: dict[str, str], cases: list[CaseResults], order: list[str]) -> dict[str, Any]:
    """Puts these cases in place of what was known of them; returns all that is known."""
    folder.mkdir(parents=True, exist_ok=True)
    known = read(folder)["cases"] | {case.name: case.to_json() for case in cases}
    everything = {"machine": machine, "cases": {name: known[name] for name in order if name in known}}
    (folder / FILE).write_text(json.dumps(everything, indent=1, ensure_ascii=False) + "\n")
    return everything
