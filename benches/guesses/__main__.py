"""What whoever guesses API keys costs those who call well, on one core with many keys: `python3 benches/guesses`.

- How long after its start a node with all these keys answers the first call by one of them. Above 3 s fails.
- The latency of ordinary calls at a fixed rate: alone, beside wrong keys from one network, and beside wrong keys from many
  networks, all of them well-formed and different. A p99 of more than twice the undisturbed one fails.
- What the node's memory grows by meanwhile, how long its store's threads work for a wrong key, and how many wrong keys the store
  is asked about. Any fails.
"""

import argparse
import json
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "peers"))

import api_keys  # noqa: E402
import build  # noqa: E402
import machine  # noqa: E402
import processes  # noqa: E402
from cases import BenchError  # noqa: E402
from proxies import tollgate_policies  # noqa: E402
from proxies.tollgate_client import command, metric, wait_until_complete, wait_until_ready  # noqa: E402
from proxies.tollgate_seed import Seed  # noqa: E402

FIRST_CALL_SECONDS = 3.0
WORST_RATIO = 2.0
GOOD_RATE = 2_000
# After so many seconds wrong keys surely come: their load reads all of its calls and opens its connections first.
UNDER_WAY = 2
# A wrong key that is tried is answered once it is heard which keys were made. Of one network few are tried; of many, so many that
# with fewer connections the load would wait for that.
ONE_CONNECTIONS, MANY_CONNECTIONS = 64, 1_024
# The load of wrong keys yields to that of good callers, with which it shares a core: what is measured is how long the gateway takes.
YIELDING = 19
APPS = 1_000
PATH = "/api/logistics/orders/ord-1"
LOOKED_UP = "tollgate_api_keys_looked_up_total"
RESULTS = build.ROOT / "benches/results/guesses.md"


def main() -> int:
    parser = argparse.ArgumentParser(prog="benches/guesses", description=__doc__)
    parser.add_argument("--tollgate", type=Path, help="take this program instead of building one")
    parser.add_argument("--seconds", type=int, default=5, help="length of each measurement [%(default)s]")
    parser.add_argument("--rounds", type=int, default=3, help="how often; the medians count [%(default)s]")
    parser.add_argument("--keys", type=int, default=1_000_000, help="keys that are good [%(default)s]")
    parser.add_argument("--rate", type=int, default=20_000, help="wrong keys a second [%(default)s]")
    parser.add_argument("--networks", type=int, default=4_096, help="networks that the many are [%(default)s]")
    parser.add_argument("--results", type=Path, default=RESULTS, help="where the figures go [%(default)s]")
    options = parser.parse_args()
    try:
        return run(options)
    except BenchError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1


@dataclass
class Round:
    """What one round found: seconds, milliseconds, MiB, and microseconds of a thread."""

    first_call: float
    alone: dict[str, float]
    beside_one: dict[str, float]
    beside_many: dict[str, float]
    statuses: dict[str, int]
    before_mib: float
    after_mib: float
    store_us: float
    all_us: float
    looked_up: int


def run(options: argparse.Namespace) -> int:
    machine.require_tools()
    processes.allow_many_files()
    cores = machine.pick_cores()
    program = options.tollgate.resolve() if options.tollgate else build.tollgate("dist")
    for name in ("upstream", "paced"):
        build.tool(name)
    with tempfile.TemporaryDirectory(prefix="tollgate-bench-") as name:
        folder, upstream_port = Path(name), processes.free_port()
        start, _ = Seed(program, folder / "seed").folder(APPS, upstream_port, options.keys)
        upstream = [str(build.tool("upstream")), str(upstream_port)]
        with processes.Process(upstream, cores.others, folder / "upstream.log") as backend:
            backend.wait_for_port(upstream_port)
            rounds = [
                one_round(program, (start, folder / f"round-{number}"), upstream_port, cores, options)
                for number in range(options.rounds)
            ]
    report, holds = described(options, rounds)
    options.results.write_text(report)
    print(report)
    return 0 if holds else 1


def one_round(
    program: Path, folders: tuple[Path, Path], upstream_port: int, cores: machine.Cores, options: argparse.Namespace
) -> Round:
    start, folder = folders
    folder.mkdir()
    shutil.copytree(start, folder / "data")
    ports = (processes.free_port(), processes.free_port())
    policies = tollgate_policies.write(folder / "policies", None)
    environment = {
        "TOLLGATE_ADMIN_TOKEN": secrets.token_hex(32),
        "TOLLGATE_BENCH_UPSTREAM_PORT": str(upstream_port),
        "TOLLGATE_LOG": "error",
    }
    # Who calls is told by a field of the load, as by a load balancer.
    arguments = [*command(program, policies, folder / "data", ports), "--trusted-proxy", "127.0.0.0/8"]
    keys = api_keys.known(options.keys)
    good = calls_file(folder / "good", (f"X-Api-Key: {key}\tX-Forwarded-For: 192.0.2.1" for key in keys[:APPS]))
    one = calls_file(folder / "one", wrong_keys(options, ["198.51.100.1"]))
    networks = [f"10.{number >> 8 & 255}.{number & 255}.1" for number in range(options.networks)]
    many = calls_file(folder / "many", wrong_keys(options, networks))
    began = time.monotonic()
    with processes.Process(arguments, cores.proxy, folder / "log", environment) as process:
        # The last of the keys: nothing of it is remembered, whatever was learnt first.
        first_call = wait_for_answer(ports[0], keys[-1], process) - began
        wait_until_ready(ports[1], options.keys)
        wait_until_complete(ports[1])
        paced(ports[0], good, GOOD_RATE, 2, cores.others)
        alone = latency(paced(ports[0], good, GOOD_RATE, options.seconds, cores.others))
        before, used = processes.resident_mib([process.pid]), processes.cpu_seconds([process.pid])
        looked_up = metric(ports[1], LOOKED_UP)
        beside_one, told_one = beside(ports[0], (good, one), ONE_CONNECTIONS, cores.others, options)
        beside_many, told_many = beside(ports[0], (good, many), MANY_CONNECTIONS, cores.others, options)
        after, used_then = processes.resident_mib([process.pid]), processes.cpu_seconds([process.pid])
        looked_up = metric(ports[1], LOOKED_UP) - looked_up
        wrong = told_one["requests"] + told_many["requests"]
        grown = {name: seconds - used.get(name, 0.0) for name, seconds in used_then.items()}
        of_store = sum(seconds for name, seconds in grown.items() if name.startswith("sqlx"))
    shutil.rmtree(folder)
    statuses: dict[str, int] = {}
    for told in (told_one, told_many):
        for status, count in told["statuses"].items():
            statuses[status] = statuses.get(status, 0) + count
    if any(status.startswith("2") for status in statuses):
        raise BenchError(f"a wrong key passed: {statuses}")
    return Round(
        first_call, alone, beside_one, beside_many, statuses, before, after, of_store * 1e6 / wrong,
        sum(grown.values()) * 1e6 / wrong, looked_up,
    )


def wrong_keys(options: argparse.Namespace, addresses: list[str]) -> Iterator[str]:
    """Different ones, well-formed: their checksums are right."""
    salt = secrets.token_hex(8)
    for number in range(options.rate * (UNDER_WAY + options.seconds)):
        yield f"X-Api-Key: {api_keys.made_of(f'{salt}{number}')}\tX-Forwarded-For: {addresses[number % len(addresses)]}"


def calls_file(file: Path, headers: Iterator[str]) -> Path:
    with file.open("w") as lines:
        lines.writelines(f"{PATH}\t{header}\n" for header in headers)
    return file


def wait_for_answer(port: int, key: str, process: processes.Process) -> float:
    """When the first call by that key was answered well."""
    request = urllib.request.Request(f"http://127.0.0.1:{port}{PATH}", headers={"X-Api-Key": key})
    deadline = time.monotonic() + processes.START_SECONDS
    while time.monotonic() < deadline and not process.has_ended:
        try:
            with urllib.request.urlopen(request, timeout=30):
                return time.monotonic()
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.005)
    raise BenchError(f"no call was answered: {process.last_words()}")


def start_paced(
    port: int, calls: Path, rate: int, seconds: float, core: int, connections: int = 32, niceness: int = 0
) -> subprocess.Popen[str]:
    arguments = [str(port), str(connections), str(rate), str(round(seconds * 1000)), str(calls), "0"]
    command_line = ["nice", "-n", str(niceness), "taskset", "-c", str(core), str(build.tool("paced")), *arguments]
    return subprocess.Popen(command_line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def told_by(load: subprocess.Popen[str], may_lag: bool = False) -> dict:
    """What a load was answered; one that may lag need not have had all its answers when its time was over."""
    output, errors = load.communicate(timeout=300)
    if load.returncode != 0:
        raise BenchError(f"paced failed: {errors}")
    told = json.loads(output)
    if told["socket_errors"] or (told["unanswered"] and not may_lag):
        raise BenchError(f"not all calls were answered: {told}")
    return told


def paced(port: int, calls: Path, rate: int, seconds: float, core: int) -> dict:
    told = told_by(start_paced(port, calls, rate, seconds, core))
    if set(told["statuses"]) != {"200"}:
        raise BenchError(f"not all calls were answered well: {told}")
    return told


def latency(told: dict) -> dict[str, float]:
    return {name: told[name] / 1e3 for name in ("p50", "p99", "p999")}


def beside(port: int, files: tuple[Path, Path], connections: int, core: int, options: argparse.Namespace) -> tuple[dict[str, float], dict]:
    good, wrong = files
    flood = start_paced(port, wrong, options.rate, UNDER_WAY + options.seconds, core, connections, YIELDING)
    time.sleep(UNDER_WAY)
    calls = paced(port, good, GOOD_RATE, options.seconds - 1, core)
    return latency(calls), told_by(flood, may_lag=True)


def described(options: argparse.Namespace, rounds: list[Round]) -> tuple[str, bool]:
    told = machine.description()
    first_call = max(found.first_call for found in rounds)
    rows, ratios = [], []
    for name, pick in (
        ("alone", lambda found: found.alone),
        ("beside wrong keys of one network", lambda found: found.beside_one),
        (f"beside wrong keys of {options.networks} networks", lambda found: found.beside_many),
    ):
        figures = {figure: median([pick(found)[figure] for found in rounds]) for figure in ("p50", "p99", "p999")}
        ratio = median([pick(found)["p99"] / found.alone["p99"] for found in rounds])
        ratios.append(ratio)
        rows.append(f"| {name} | {figures['p50']:.2f} | {figures['p99']:.2f} | {figures['p999']:.2f} | {ratio:.2f} |")
    statuses: dict[str, int] = {}
    for found in rounds:
        for status, count in found.statuses.items():
            statuses[status] = statuses.get(status, 0) + count
    answers = ", ".join(f"{count:,} × {status}" for status, count in sorted(statuses.items()))
    grown = max(found.after_mib - found.before_mib for found in rounds)
    looked_up = sum(found.looked_up for found in rounds)
    holds = first_call < FIRST_CALL_SECONDS and all(ratio <= WORST_RATIO for ratio in ratios) and looked_up == 0
    return "\n".join([
        "# Guessed API keys",
        "",
        f"Made by `python3 benches/guesses` on {told['processor']}, {told['system']}: {options.keys:,} good keys in SQLite; all",
        f"threads of the process on one core, load and upstream on another; medians of {options.rounds} rounds of {options.seconds} s.",
        f"Wrong keys are well-formed and all different, {options.rate:,} a second; good callers make {GOOD_RATE:,} calls a second by {APPS:,} keys.",
        "",
        f"From the start of the process to the first answer to a call by a key: **{first_call:.2f} s** at most (bar: {FIRST_CALL_SECONDS:.0f} s).",
        "",
        f"Latency of the good callers in ms (bar: p99 within {WORST_RATIO:.0f} × alone):",
        "",
        "| | p50 | p99 | p99.9 | p99 × alone |",
        "| --- | --- | --- | --- | --- |",
        *rows,
        "",
        f"Answers to wrong keys: {answers}. A wrong key cost {median([f.all_us for f in rounds]):.1f} µs of all threads, the good callers'",
        f"calls and their books among it, and {median([f.store_us for f in rounds]):.2f} µs of the store's threads, which were asked about {looked_up} of them. Memory grew by {grown:.1f} MiB at most",
        f"from {median([f.before_mib for f in rounds]):.0f} MiB.",
        "",
    ]), holds


if __name__ == "__main__":
    sys.exit(main())
