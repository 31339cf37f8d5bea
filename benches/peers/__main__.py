"""Runs the side-by-side comparison: `make bench`, or `python3 benches/peers --help`."""

import client_tls  # isort: skip  (before what loads OpenSSL)
import argparse
import contextlib
import datetime
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import build
import machine
import plot
import processes
import proxies
import report
import results
from cases import CASES, BenchError, Case
from rounds import Rounds, say

# What `--quick` sets: enough to see that all works, too little for figures.
QUICK = {"rounds": 1, "seconds": 1, "apps": 100, "tokens": 100}


def main() -> int:
    options = parse()
    everything = results.read(options.results)
    if options.render:
        report.write(options.results, everything)
        plot.write(options.results, everything)
        return 0
    try:
        is_sound = run(options)
    except BenchError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    return 0 if is_sound else 1


def run(options: argparse.Namespace) -> bool:
    """Runs the cases, and writes what is known after each of them; whether every run counts."""
    machine.require_tools()
    processes.allow_many_files()
    cores, order, is_sound = machine.pick_cores(), [case.name for case in CASES], True
    # No build runs beside a measurement.
    for name in ("upstream", "paced", "mint"):
        build.tool(name)
    with tempfile.TemporaryDirectory(prefix="tollgate-bench-") as name, upstream(cores, Path(name)) as port:
        peers = proxies.all_of(options.proxies, lambda: tollgate(options), Path(name))
        for case in options.cases:
            rounds = Rounds(case, peers, options, measured(options), Path(name, case.name), port, cores)
            began = time.monotonic()
            found = rounds.run()
            say(f"{case.name}: took {time.monotonic() - began:.0f} s")
            is_sound &= not any(sample.void for sample in found.samples)
            everything = results.write(options.results, machine.description(), [found], order)
            report.write(options.results, everything)
            plot.write(options.results, everything)
            print(report.of_case(everything["cases"][case.name]), flush=True)
    return is_sound


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="benches/peers", description=__doc__)
    parser.add_argument("--rounds", type=int, help="runs of each proxy in each case [3]")
    parser.add_argument("--seconds", type=int, help="length of one run's load [3]")
    parser.add_argument("--quick", action="store_true", help="one round of one second: does everything work?")
    parser.add_argument("--cases", type=cases_named, default=CASES, help="names with commas between [all]")
    parser.add_argument("--proxies", type=proxies_named, default=list(proxies.NAMES), help="names with commas between [all]")
    parser.add_argument("--tokens", type=int, help="different tokens in rotation [1000]")
    parser.add_argument("--apps", type=int, help="apps that tokens and keys belong to [1000]")
    parser.add_argument("--profile", default="dist", help="cargo profile that Tollgate is built by [%(default)s]")
    parser.add_argument("--tollgate", type=Path, help="take this program instead of building one")
    parser.add_argument("--note", default="", help="a remark for the results")
    parser.add_argument("--results", type=Path, help="folder for the results [benches/results; quick: target/bench]")
    parser.add_argument("--render", action="store_true", help="measure nothing; write report and plots of what is there")
    options = parser.parse_args()
    usual = QUICK if options.quick else {"rounds": 3, "seconds": 3, "apps": 1000, "tokens": 1000}
    for name, value in usual.items():
        if getattr(options, name) is None:
            setattr(options, name, value)
    options.results = options.results or build.ROOT / ("target/bench" if options.quick else "benches/results")
    return options


def cases_named(text: str) -> list[Case]:
    return [case for case in CASES if case.name in named(text, [case.name for case in CASES])]


def proxies_named(text: str) -> list[str]:
    return named(text, list(proxies.NAMES))


def named(text: str, known: list[str]) -> list[str]:
    chosen = text.lower().split(",")
    if unknown := [name for name in chosen if name not in known]:
        raise argparse.ArgumentTypeError(f"no such thing as {', '.join(unknown)}; there are {', '.join(known)}")
    return chosen


def measured(options: argparse.Namespace) -> dict[str, str]:
    """When and how; the command is told without places of this machine."""
    numbers = " ".join(f"--{name} {getattr(options, name)}" for name in ("rounds", "seconds", "tokens", "apps"))
    told = {"date": f"{datetime.date.today()}", "command": f"python3 benches/peers {numbers} --profile {options.profile}"}
    return told | ({"note": options.note} if options.note else {})


@contextlib.contextmanager
def upstream(cores: machine.Cores, folder: Path) -> Iterator[int]:
    port = processes.free_port()
    command = [str(build.tool("upstream")), str(port)]
    with processes.Process(command, cores.others, folder / "upstream") as process:
        process.wait_for_port(port)
        yield port


def tollgate(options: argparse.Namespace) -> tuple[Path, str]:
    """The program, and where it is from. It is built before anything is measured."""
    if options.tollgate:
        return options.tollgate.resolve(), "a program given"
    say(f"building Tollgate, profile {options.profile}")
    return build.tollgate(options.profile), build.commit()


if __name__ == "__main__":
    sys.exit(main())
