"""Plots of results, as SVG without a library: bars of CPU time, and latency on a logarithmic scale."""

import math
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

Json = dict[str, Any]

# Told apart by eyes that see few colours too (Okabe and Ito).
COLOURS = {
    "Tollgate": "#D55E00",
    "Tollgate, unmetered": "#E69F00",
    "Tollgate, unmasked": "#F0E442",
    "HAProxy": "#0072B2",
    "HAProxy, HS256": "#56B4E9",
    "HAProxy, 256 KiB buffers": "#88CCEE",
    "nginx": "#009E73",
    "nginx, 256 KiB buffers": "#44AA99",
    "Envoy": "#CC79A7",
    "Envoy, JWT cache": "#882255",
    "Traefik": "#999999",
}
OTHER_COLOUR = "#444444"

# Cases whose figure is for one small request, so that one scale fits all.
REQUEST_CASES = (
    *("bare", "policy", "new_tokens", "api_key", "keys_10", "keys_hot", "keys_all"),
    *("routes_10", "routes_1k", "routes_10k", "h2c_8", "h2c_100", "tls_h1", "tls_h2"),
)

WIDTH, LEFT, RIGHT = 900, 150, 190
BAR, GAP, GROUP_GAP, TOP = 14, 3, 26, 46
# Longer bars are cut, with their figure beside them.
LONGEST_US = 130.0
# The latency scale: from 0.1 ms, over four decades.
LEAST_MS, DECADES = 0.1, 4


def write(folder: Path, everything: Json) -> None:
    (folder / "cpu.svg").write_text(cpu(everything["cases"]))
    (folder / "latency.svg").write_text(latency(everything["cases"]))


def cpu(cases: Json) -> str:
    """A group of bars for each case, with whiskers from the lowest to the highest run; what keeps books is pale."""
    drawing = _Drawing("CPU time for a request, µs: shorter is better. Pale: threads that keep the books")
    for name in REQUEST_CASES:
        bars = [(proxy, told) for proxy, told in cases.get(name, {"summary": {}})["summary"].items() if "cpu_us" in told]
        if not bars:
            continue
        drawing.group(cases[name]["title"])
        for proxy, told in bars:
            drawing.bar(proxy, told["cpu_us"], told.get("serving_us", told["cpu_us"])["median"])
    return drawing.finish()


def latency(cases: Json) -> str:
    """For each case a line for each proxy, with a mark at p50, p99 and p99.9."""
    drawing = _Drawing("Latency at a fixed rate, ms, logarithmic: p50 ●  p99 ◆  p99.9 ▲ (left is better)")
    for case in cases.values():
        lines = [(proxy, marks) for proxy, summary in case["summary"].items() if (marks := _marks(summary))]
        if not lines:
            continue
        rate = next(sample["facts"]["rate"] for sample in case["samples"] if "rate" in sample["facts"])
        drawing.group(f"{case['title']}, {rate:,.0f} requests/s")
        for proxy, marks in lines:
            drawing.marks(proxy, marks)
    return drawing.finish()


def _marks(summary: Json) -> list[float]:
    names = ("p50_ms", "p99_ms", "p999_ms")
    return [summary[name]["median"] for name in names] if all(name in summary for name in names) else []


class _Drawing:
    """Groups of rows, from top to bottom."""

    def __init__(self, title: str) -> None:
        self._at = TOP
        self._parts = [_text(10, 24, title, size=15, weight="bold")]

    def group(self, title: str) -> None:
        self._at += GROUP_GAP if len(self._parts) > 1 else 0
        self._parts.append(_text(10, self._at, title, weight="bold"))
        self._at += 8

    def bar(self, proxy: str, spread: dict[str, float], serving: float) -> None:
        middle, median = self._row(proxy), spread["median"]
        self._parts.append(_bar(_bar_x(median), middle, _colour(proxy), opacity=0.4))
        self._parts.append(_bar(_bar_x(serving), middle, _colour(proxy)))
        if median <= LONGEST_US:
            self._parts.append(_line(_bar_x(spread["low"]), _bar_x(spread["high"]), middle))
        told = f"{median:.1f}{' →' if median > LONGEST_US else ''}"
        # Threads that serve nothing cost a little in every proxy that has them.
        told += f" (serving {serving:.1f})" if serving < 0.95 * median else ""
        self._parts.append(_text(max(_bar_x(median), _bar_x(spread["high"])) + 6, middle + 4, told))

    def marks(self, proxy: str, values: list[float]) -> None:
        places = [_mark_x(value) for value in values]
        middle, colour = self._row(proxy), _colour(proxy)
        self._parts.append(_line(places[0], places[-1], middle, colour))
        for place, mark in zip(places, "●◆▲", strict=True):
            self._parts.append(_text(place, middle + 4, mark, colour=colour, anchor="middle"))
        told = " / ".join(f"{value:.2f}" for value in values)
        self._parts.append(_text(WIDTH - 10, middle + 4, told, anchor="end"))

    def _row(self, proxy: str) -> float:
        middle = self._at + BAR / 2
        self._parts.append(_text(LEFT - 8, middle + 4, proxy, anchor="end"))
        self._at += BAR + GAP
        return middle

    def finish(self) -> str:
        height = self._at + 16
        head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}">'
        ground = f'<rect width="{WIDTH}" height="{height}" fill="white"/>'
        return "\n".join([head, ground, *self._parts, "</svg>", ""])


def _bar_x(micros: float) -> float:
    return LEFT + (WIDTH - LEFT - RIGHT) * min(micros, LONGEST_US) / LONGEST_US


def _mark_x(milliseconds: float) -> float:
    decades = math.log10(max(milliseconds, LEAST_MS) / LEAST_MS)
    return LEFT + (WIDTH - LEFT - RIGHT) * min(decades / DECADES, 1.0)


def _bar(end: float, middle: float, colour: str, opacity: float = 1.0) -> str:
    place = f'x="{LEFT}" y="{middle - BAR / 2:.1f}" width="{end - LEFT:.1f}" height="{BAR}"'
    return f'<rect {place} fill="{colour}" fill-opacity="{opacity}"/>'


def _colour(proxy: str) -> str:
    return COLOURS.get(proxy, OTHER_COLOUR)


def _line(start: float, end: float, y: float, colour: str = "black") -> str:
    return f'<line x1="{start:.1f}" x2="{end:.1f}" y1="{y:.1f}" y2="{y:.1f}" stroke="{colour}" stroke-width="1.5"/>'


def _text(
    x: float, y: float, text: str, *, size: int = 12, weight: str = "normal", colour: str = "black", anchor: str = "start"
) -> str:
    style = f'font-family="sans-serif" font-size="{size}" font-weight="{weight}" fill="{colour}" text-anchor="{anchor}"'
    return f'<text x="{x:.1f}" y="{y:.1f}" {style}>{escape(text)}</text>'
