"""From samples to summary, table and plot."""

import tempfile
import unittest
import xml.etree.ElementTree
from pathlib import Path

import plot
import report
import results
from results import CaseResults, Figure, Sample

FIGURES = [
    Figure("cpu_us", "CPU µs/request", ".1f", is_compared=True),
    Figure("syscalls", "syscalls/request", ".2f"),
    *(Figure(name, name, ".2f") for name in ("p50_ms", "p99_ms", "p999_ms")),
]


def case() -> CaseResults:
    made = CaseResults("bare", "Bare", "One route.", ("HAProxy",), FIGURES, {"date": "2026-11-24", "command": "bench"})
    made.does = {"HAProxy": "`nbthread 1`", "Tollgate": "`serve`"}
    made.versions = {"HAProxy": "2.6", "Tollgate": "0.1"}
    made.skipped = {"Envoy": "not installed"}
    for number, (haproxy, tollgate) in enumerate(((10.0, 8.0), (20.0, 12.0), (12.0, 12.0)), 1):
        made.samples.append(Sample("HAProxy", "cpu", number, {"cpu_us": haproxy}))
        threads = {"core-0": tollgate - 2, "control": 2.0}
        waited = {"waited_before": 10.0, "waited_after": 1000.0 * number, "waited_seconds": 0.2}
        made.samples.append(Sample("Tollgate", "cpu", number, {"cpu_us": tollgate}, threads, facts=waited))
    made.samples.append(Sample("Tollgate", "cpu", 4, {"cpu_us": 900.0}, void="3 answers of another status"))
    paced = {"p50_ms": 0.5, "p99_ms": 1.5, "p999_ms": 12.0}
    made.samples.append(Sample("Tollgate", "latency", 1, paced, facts={"rate": 9000.0, "late_p99_ms": 0.1}))
    return made


class Summary(unittest.TestCase):
    def test_ratios_compare_runs_of_the_same_round(self) -> None:
        self.assertEqual(case().ratios("Tollgate", "cpu_us", "HAProxy"), [0.8, 0.6, 1.0])

    def test_a_void_run_is_in_no_figure(self) -> None:
        told = case().summary()["Tollgate"]
        self.assertEqual(told["cpu_us"], {"median": 12.0, "low": 8.0, "high": 12.0, "runs": 3})
        self.assertEqual(told["cpu_us_ratios"]["HAProxy"]["median"], 0.8)

    def test_a_run_of_one_case_leaves_the_others_and_their_order(self) -> None:
        with tempfile.TemporaryDirectory() as name:
            folder, order = Path(name), ["bare", "policy"]
            policy = case()
            policy.name = "policy"
            results.write(folder, {}, [policy], order)
            results.write(folder, {}, [case()], order)
            self.assertEqual(list(results.read(folder)["cases"]), order)


class Report(unittest.TestCase):
    def setUp(self) -> None:
        self.text = report.of_case(case().to_json())

    def test_a_row_has_median_lowest_highest_and_ratio(self) -> None:
        self.assertIn("| Tollgate | 12.0 (8.0–12.0) | 0.80 (0.60–1.00) | 0.50 | 1.50 | 12.00 |", self.text)

    def test_a_figure_that_nobody_has_makes_no_column(self) -> None:
        self.assertNotIn("syscalls", self.text)

    def test_what_is_missing_or_void_is_told(self) -> None:
        self.assertIn("- Envoy left out: not installed.", self.text)
        self.assertIn("- Tollgate, cpu, round 4 does not count: 3 answers of another status.", self.text)
        self.assertIn("Latency at 9,000 requests/s", self.text)
        self.assertIn("Tollgate's threads, µs/request: core-0 10.0, control 2.0.", self.text)

    def test_what_waited_for_the_books_is_told(self) -> None:
        self.assertIn("waited for the books (cpu: 2,000 at its end, 10 at its start, as few again after 0.2 s).", self.text)

    def test_what_is_measured_once_is_said_to_be(self) -> None:
        once = case()
        once.repeats = {"cpu": True, "idle": False}
        self.assertIn("- Measured once, so these are no medians: idle.", report.of_case(once.to_json()))

    def test_a_case_without_a_run_that_counts_says_so(self) -> None:
        empty = case()
        empty.samples = [Sample("HAProxy", "cpu", 1, {}, void="it ended")]
        self.assertIn("No run of this case counts.", report.of_case(empty.to_json()))


class Plot(unittest.TestCase):
    def test_both_plots_are_well_formed_and_name_who_was_measured(self) -> None:
        cases = {"bare": case().to_json()}
        for drawn in (plot.cpu(cases), plot.latency(cases)):
            root = xml.etree.ElementTree.fromstring(drawn)
            texts = [element.text or "" for element in root.iter() if element.tag.endswith("text")]
            self.assertIn("Tollgate", texts)

    def test_a_bar_longer_than_the_scale_is_cut(self) -> None:
        long = case()
        long.samples = [Sample("HAProxy", "cpu", 1, {"cpu_us": 5_000.0})]
        drawn = plot.cpu({"bare": long.to_json()})
        self.assertIn("5000.0 →", drawn)
        bars = [bar for bar in xml.etree.ElementTree.fromstring(drawn) if bar.tag.endswith("rect")]
        widths = [float(bar.get("width", "0")) for bar in bars]
        self.assertLessEqual(max(widths), plot.WIDTH)
