"""Runs the side-by-side comparison: `make bench`, or `python3 benches/peers --help`."""

import argparse
import contextlib
import datetime
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import build
import machine
import measure
import processes
import report
from cases import CASES, BenchError, Case, Site
from proxies.haproxy import HAProxy
from proxies.nginx import Nginx
from proxies.peer import Peer, Target
from proxies.tollgate import Tollgate

PROXIES = ["haproxy", "nginx", "tollgate"]


@dataclass(frozen=True)
class Entry:
    """One proxy, ready for one case."""

    peer: Peer
    site: Site
    target: Target


def main() -> int:
    options = parse()
    try:
        machine.require_tools()
        cores = machine.pick_cores()
        results = report.Results(
            machine=machine.description(),
            command=command(options),
            date=f"{datetime.date.today()}",
            tokens=f"{options.tokens} different ones of {options.apps} apps take turns",
            note=options.note,
        )
        with tempfile.TemporaryDirectory(prefix="tollgate-bench-") as folder, upstream(cores, folder) as port:
            entries = prepare(options, results, Path(folder), port)
            run_all(entries, options, results, cores)
        report.write(results, options.cases, options.results)
    except BenchError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    print(report.markdown(results, options.cases))
    return 1 if any(sample.void for sample in results.samples) else 0


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="benches/peers", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="runs of each proxy in each case [%(default)s]")
    parser.add_argument("--seconds", type=int, default=4, help="length of one run's load [%(default)s]")
    parser.add_argument("--cases", type=cases_named, default=CASES, help="names with commas between [all]")
    parser.add_argument("--proxies", type=proxies_named, default=PROXIES, help="names with commas between [all]")
    parser.add_argument("--tokens", type=int, default=1000, help="different tokens in rotation [%(default)s]")
    parser.add_argument("--apps", type=int, default=1000, help="apps that the tokens belong to [%(default)s]")
    parser.add_argument("--profile", default="dist", help="cargo profile that Tollgate is built by [%(default)s]")
    parser.add_argument("--tollgate", type=Path, help="take this program instead of building one")
    parser.add_argument("--note", default="", help="a remark for the head of the results")
    parser.add_argument("--results", type=Path, default=build.ROOT / "benches/results", help="folder for the results")
    return parser.parse_args()


def cases_named(text: str) -> list[Case]:
    return [case for case in CASES if case.name in named(text, [case.name for case in CASES])]


def proxies_named(text: str) -> list[str]:
    return named(text, PROXIES)


def named(text: str, known: list[str]) -> list[str]:
    chosen = text.lower().split(",")
    if unknown := [name for name in chosen if name not in known]:
        raise argparse.ArgumentTypeError(f"no such thing as {', '.join(unknown)}; there are {', '.join(known)}")
    return chosen


def command(options: argparse.Namespace) -> str:
    """How to repeat this run, without places of this machine."""
    numbers = " ".join(f"--{name} {getattr(options, name)}" for name in ("rounds", "seconds", "tokens", "apps"))
    return f"python3 benches/peers {numbers} --profile {options.profile}"


@contextlib.contextmanager
def upstream(cores: measure.Cores, folder: str) -> Iterator[int]:
    port = processes.free_port()
    program = build.upstream()
    with processes.Process([str(program), str(port)], cores.others, Path(folder, "upstream")) as process:
        process.wait_for_port(port)
        yield port


def peers(options: argparse.Namespace) -> list[Peer]:
    """The chosen proxies. Tollgate is built first, so that no build runs beside a measurement."""
    chosen: list[Peer] = []
    if "haproxy" in options.proxies:
        chosen.append(HAProxy())
    if "nginx" in options.proxies:
        chosen.append(Nginx())
    if "tollgate" in options.proxies:
        chosen.append(tollgate(options))
    return chosen


def tollgate(options: argparse.Namespace) -> Tollgate:
    if options.tollgate:
        return Tollgate(options.tollgate.resolve(), "a program given")
    return Tollgate(build.tollgate(options.profile), build.commit())


def prepare(options: argparse.Namespace, results: report.Results, folder: Path, upstream_port: int) -> list[Entry]:
    entries = []
    for peer in peers(options):
        for case in options.cases:
            if why := peer.obstacle(case):
                results.skipped[case.name, peer.name] = why
                say(f"{case.name}: {peer.name} left out: {why}")
                continue
            results.versions.setdefault(peer.name, peer.version())
            own = folder / f"{case.name}-{peer.name}"
            own.mkdir()
            site = Site(case, own, processes.free_port(), upstream_port, options.tokens, options.apps)
            say(f"{case.name}: preparing {peer.name}")
            entry = Entry(peer, site, peer.prepare(site))
            results.does[case.name, peer.name] = entry.target.does
            entries.append(entry)
    return entries


def run_all(entries: list[Entry], options: argparse.Namespace, results: report.Results, cores: measure.Cores) -> None:
    """Every proxy once, then again, beginning with another one each time: slow drift of the machine meets all alike."""
    for number in range(options.rounds):
        shift = number % max(len(entries), 1)
        for entry in entries[shift:] + entries[:shift]:
            sample = measure.run(entry.site, entry.target, entry.peer.name, number + 1, options.seconds, cores)
            results.samples.append(sample)
            say(
                f"round {number + 1}/{options.rounds} {sample.case:8} {sample.proxy:10}"
                f"{sample.cpu_us_per_request:7.1f} µs/request {sample.requests_per_second:9,.0f}/s"
                f"{f'  VOID: {sample.void}' if sample.void else ''}"
            )


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
