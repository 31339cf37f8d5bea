"""What load generators and counters say."""

import unittest

import syscalls
from load import h2load

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
