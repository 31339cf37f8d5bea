"""Counts the user-space instructions of a request on the core that serves it, under callgrind: `python3 benches/instructions`.

The count hardly depends on what else the machine does, so it shows a change of one in a hundred. What other threads do
(the books, the journal) is not in it. Caution: valgrind hides some CPU extensions, so cryptography costs more here.
The goal is 33,000 for a call with a credential; a count that has grown by more than the tolerance fails.
"""

import argparse
import http.client
import json
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "peers"))

import build  # noqa: E402
import calls  # noqa: E402
import processes  # noqa: E402
from cases import CASES, BenchError, Case, Site  # noqa: E402
from proxies.tollgate import Tollgate  # noqa: E402
from proxies.tollgate_seed import Seed  # noqa: E402

COUNTED = ("bare", "policy", "api_key", "masked")

CONNECTIONS = 8
TOKENS = 64
RESULTS = build.ROOT / "benches/results/instructions.json"
# A core's thread is told by what it ran.
SERVED = "gateway::pipeline::serve"


def main() -> int:
    parser = argparse.ArgumentParser(prog="benches/instructions", description=__doc__)
    parser.add_argument("--tollgate", type=Path, help="take this program instead of building one")
    parser.add_argument("--cases", nargs="+", choices=COUNTED, default=COUNTED, help="what to count [all]")
    parser.add_argument("--warm-up", type=int, default=1000, help="requests before counting [%(default)s]")
    parser.add_argument("--requests", type=int, default=2000, help="requests that are counted each time [%(default)s]")
    parser.add_argument("--times", type=int, default=4, help="how often; the lowest is the count [%(default)s]")
    parser.add_argument("--keep", type=Path, help="keep the profiles in this folder, for callgrind_annotate")
    parser.add_argument("--accept", action="store_true", help="write the counts as the ones to compare with")
    parser.add_argument("--tolerance", type=float, default=0.03, help="growth that fails [%(default)s]")
    options = parser.parse_args()
    try:
        counts = {case.name: count(case, options) for case in CASES if case.name in options.cases}
    except BenchError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    accepted = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    if options.accept:
        RESULTS.write_text(json.dumps(accepted | counts, indent=2) + "\n")
    failed = False
    for name, instructions in counts.items():
        growth = instructions / accepted[name] - 1 if name in accepted else 0.0
        failed |= growth > options.tolerance and not options.accept
        print(f"{name:8} {instructions:8,} instructions a request ({growth:+.1%} against the accepted count)")
    return 1 if failed else 0


def count(case: Case, options: argparse.Namespace) -> int:
    if not shutil.which("valgrind"):
        raise BenchError("valgrind is not installed (Debian: apt-get install valgrind)")
    program = options.tollgate or build.tollgate("dist")
    port = processes.free_port()
    with tempfile.TemporaryDirectory(prefix="tollgate-instructions-") as name:
        folder = Path(name)
        upstream = processes.Process([str(build.tool("upstream")), str(port)], None, folder / "upstream")
        with upstream:
            upstream.wait_for_port(port)
            own = folder / "site"
            own.mkdir()
            site = Site(case, own, processes.free_port(), port, TOKENS, TOKENS, TOKENS)
            target = Tollgate(program.resolve(), "counted", Seed(program.resolve(), folder / "seed")).prepare(site)
            target.reset()
            profile = folder / "profile"
            command = ["valgrind", "--tool=callgrind", "--separate-threads=yes", f"--callgrind-out-file={profile}"]
            with processes.Process([*command, *target.command], None, folder / "output", target.environment) as process:
                process.wait_for_port(site.port)
                headers = [calls.fields(line) for line in target.calls.read_text().splitlines()]
                send(site, headers, options.warm_up)
                dump(process.pid)
                for _ in range(options.times):
                    send(site, headers, options.requests)
                    dump(process.pid)
            if options.keep:
                shutil.copytree(folder, options.keep / case.name, dirs_exist_ok=True)
            # What disturbs a run wakes the core more often for fewer requests, so it only adds.
            return min(served(folder, number, options.requests) for number in range(2, options.times + 2))


def send(site: Site, headers: list[dict[str, str]], requests: int) -> None:
    connections = [http.client.HTTPConnection("127.0.0.1", site.port, timeout=60) for _ in range(CONNECTIONS)]
    for first in range(0, requests, CONNECTIONS):
        # All ask before any is answered, as under load: a core that wakes for each request pays for that too.
        for number, connection in enumerate(connections, first):
            connection.request("GET", site.case.path, headers=headers[number % len(headers)])
        for connection in connections:
            answer = connection.getresponse()
            answer.read()
            if answer.status != 200:
                raise BenchError(f"GET {site.case.path} gave {answer.status}")


def dump(pid: int) -> None:
    subprocess.run(["callgrind_control", "--dump", str(pid)], check=True, capture_output=True)


def served(folder: Path, number: int, requests: int) -> int:
    """Of the dump of that number, the thread that served: instructions for each request."""
    totals = []
    for file in folder.glob(f"profile*.{number}-*"):
        text = file.read_text()
        if SERVED in text and (total := re.search(r"^(?:summary|totals): (\d+)", text, re.MULTILINE)):
            totals.append(int(total[1]))
    if not totals:
        raise BenchError("no thread of the profile served a request")
    return round(max(totals) / requests)


if __name__ == "__main__":
    sys.exit(main())
