"""How a case is measured: one file a kind. `FIGURES` are its columns; `measure` makes one run with a fresh process."""

from collections.abc import Callable
from dataclasses import dataclass

from cases import Case
from measures import cpu, durable, flood, handshakes, idle, latency, reload, scrape
from measures.stage import Measured, Stage
from results import Figure


@dataclass(frozen=True)
class Measure:
    figures: Callable[[Case], list[Figure]]
    run: Callable[[Stage], Measured]
    # Figures that hardly vary, or runs that take long, are taken once.
    is_repeated: bool = True


MEASURES = {
    "cpu": Measure(cpu.figures, cpu.measure),
    "latency": Measure(latency.figures, latency.measure),
    "idle": Measure(idle.figures, idle.measure, is_repeated=False),
    "handshakes": Measure(handshakes.figures, handshakes.measure),
    "flood": Measure(flood.figures, flood.measure),
    "reload": Measure(reload.figures, reload.measure),
    "scrape": Measure(scrape.figures, scrape.measure),
    "durable": Measure(durable.figures, durable.measure),
}
