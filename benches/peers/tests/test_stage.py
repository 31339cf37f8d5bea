"""The meter goes on until what calls left to be done is done."""

import os
import unittest
from pathlib import Path
from unittest import mock

from cases import Case, Site
from machine import Cores
from measures import stage
from measures.stage import Meter, Stage
from proxies.peer import Target


def metered(*waiting: int) -> Meter:
    """A meter over this process, of which so many records wait, one number a reading; the last one stays."""
    left = list(waiting)
    site = Site(Case("a", "A", "a"), Path(), 1, 2, 1, 1, 1)
    target = Target([], "", Path(), waiting=lambda: left.pop(0) if len(left) > 1 else left[0])
    return Meter(Stage(site, target, Cores(0, 1), 1), os.getpid()).stop()


class Meters(unittest.TestCase):
    def test_it_goes_on_until_as_few_records_wait_as_before(self) -> None:
        meter = metered(5, 900, 400, 5)
        self.assertIsNone(meter.void)
        self.assertEqual((meter.facts["waited_before"], meter.facts["waited_after"]), (5, 900))
        self.assertGreater(meter.facts["waited_seconds"], 0.05)

    def test_what_is_never_done_makes_the_run_void(self) -> None:
        with mock.patch.object(stage, "BACKLOG_SECONDS", 0.1):
            self.assertIn("900 records waited", metered(5, 900).void or "")
