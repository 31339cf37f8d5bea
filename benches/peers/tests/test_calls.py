"""What is called, by whom, and how a credential is forged."""

import tempfile
import unittest
from pathlib import Path

import api_keys
import calls
from cases import CASES, Case
from measures import MEASURES
from proxies import NAMES


def written(case: Case, *headers: str) -> list[str]:
    with tempfile.TemporaryDirectory() as name:
        return calls.write(Path(name, "calls"), case, headers or ("",)).read_text().splitlines()


class Calls(unittest.TestCase):
    def test_each_header_calls_the_path_of_the_case(self) -> None:
        lines = written(Case("a", "A", "a", path="/x"), "X-Api-Key: 1", "X-Api-Key: 2")
        self.assertEqual(lines, ["/x\tX-Api-Key: 1", "/x\tX-Api-Key: 2"])

    def test_each_route_is_called_once(self) -> None:
        lines = written(Case("a", "A", "a", routes=100))
        self.assertEqual(sorted(lines), [f"{calls.route_path(number)}\t" for number in range(100)])

    def test_forged_headers_differ_from_the_right_one_and_from_each_other(self) -> None:
        header = calls.bearer("h" * 40 + "." + "p" * 100 + "." + "A" * 86)
        forged = {calls.forged(header, number) for number in range(10_000)}
        self.assertEqual(len(forged), 10_000)
        self.assertNotIn(header, forged)
        self.assertEqual({len(text) for text in forged}, {len(header)})
        self.assertTrue(all(text.startswith(header[:-40]) for text in forged))


class ApiKeys(unittest.TestCase):
    def test_the_checksum_is_crc_32c(self) -> None:
        self.assertEqual(api_keys._crc32c(b"123456789"), 0xE3069283)

    def test_keys_are_different_and_of_one_shape(self) -> None:
        keys = api_keys.known(1000)
        self.assertEqual(len(set(keys)), 1000)
        self.assertEqual({len(key) for key in keys}, {57})


class Cases(unittest.TestCase):
    def test_cases_name_measures_and_proxies_that_there_are(self) -> None:
        self.assertEqual(len({case.name for case in CASES}), len(CASES))
        for case in CASES:
            self.assertLessEqual(set(case.measures), set(MEASURES), case.name)
            self.assertLessEqual(set(case.proxies), set(NAMES), case.name)
