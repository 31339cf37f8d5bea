"""What load generators and counters say."""

import tempfile
import unittest
from pathlib import Path

import syscalls
from load import h2load
from load.paced import Pace
from measures import flood
from usage import LogLines, Usage

FINISHED = """\
finished in 1.00s, 47293.00 req/s, 24.58MB/s
requests: 47421 total, 47421 started, 47293 done, 47293 succeeded, 0 failed, 0 errored, 0 timeout
status codes: 47293 2xx, 0 3xx, 0 4xx, 0 5xx
traffic: 24.58MB (25775445) total, 461.85KB (472938) headers (space savings 93.90%), 23.09MB (24214016) data
"""


STRACE = """\
% time     seconds  usecs/call     calls    errors syscall
------ ----------- ----------- --------- --------- ----------------
 60.00    0.060000           6     10000           sendto
 40.00    0.040000           4     10001         3 recvfrom
------ ----------- ----------- --------- --------- ----------------
100.00    0.100000           4     20001         3 total
"""


class Strace(unittest.TestCase):
    def test_its_total_is_read(self) -> None:
        self.assertEqual(syscalls.strace_count(STRACE), 20001)


class H2Load(unittest.TestCase):
    def test_its_figures_are_read(self) -> None:
        self.assertEqual(h2load._numbers(h2load.STATUSES, FINISHED), [47293, 0, 0, 0])
        self.assertEqual(h2load._numbers(h2load.DATA, FINISHED), [24214016])


def pace(**told: object) -> Pace:
    figures = {"requests": 10, "socket_errors": 0, "unanswered": 0, "statuses": {200: 10}}
    times = dict.fromkeys(("p50", "p90", "p99", "p999", "highest", "late_p99"), 1.0)
    return Pace(**{**times, **figures, **told})  # type: ignore[arg-type]


class Paces(unittest.TestCase):
    def test_an_answer_that_is_no_200_is_an_error_to_a_good_caller(self) -> None:
        self.assertIsNone(pace().failure)
        self.assertIn("2 answers", pace(statuses={200: 8, 204: 1, 500: 1}).failure or "")

    def test_a_flood_may_be_looked_at_or_turned_away_but_not_let_in(self) -> None:
        self.assertIsNone(flood._failure(pace(statuses={401: 4, 429: 6})))
        self.assertIn("1 forged", flood._failure(pace(statuses={401: 9, 200: 1})) or "")
        self.assertIn("3 calls", flood._failure(pace(statuses={401: 7}, unanswered=3)) or "")


class LinesOfALog(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.log = Path(folder.name, "log")
        self.count = LogLines(self.log)

    def test_whole_lines_of_good_answers_count(self) -> None:
        self.assertEqual(self.count(), 0)
        self.log.write_text('{"status":200,"bytes":1}\n{"status":401}\na warning\n{"status":200')
        self.assertEqual(self.count(), 1)
        with self.log.open("a") as log:
            log.write("}\n")
        self.assertEqual(self.count(), 2)

    def test_a_log_that_is_begun_anew_is_read_anew(self) -> None:
        self.log.write_text('{"status":200}\n' * 5)
        self.count()
        self.log.write_text('{"status":200}\n')
        self.assertEqual(self.count(), 1)


class UsageOfCalls(unittest.TestCase):
    def test_each_call_leaves_one_and_those_that_were_broken_off_may(self) -> None:
        left = iter((100, 110))
        self.assertIsNone(Usage(lambda: next(left)).fault(10, 0))
        left = iter((0, 12))
        self.assertIsNone(Usage(lambda: next(left)).fault(10, 2))
        left = iter((0, 13))
        self.assertIn("13 usage records of 10", Usage(lambda: next(left)).fault(10, 2) or "")

    def test_where_nothing_is_left_nothing_is_missed(self) -> None:
        self.assertIsNone(Usage(None).fault(10, 0))
