"""The policies of a case: those of `benches/peers/policies`, with as many routes as it needs."""

import shutil
from pathlib import Path

import calls
from cases import Case

POLICIES = Path(__file__).resolve().parents[1] / "policies"
# A policy file has a bound on its size.
ROUTES_PER_FILE = 1_000
UNLIMITED = 1_000_000_000

MASK = "    mask: [{fields: [receiver.name, receiver.phone, receiver.address], scope: logistics:pii}]\n"

ROUTE = """\
  - name: route-{number}
    methods: [GET]
    path: {prefix}{{id}}
    upstream: bench
    access:
      anonymous: true
      address_limit: {{requests: {limit}, window: 1m, burst: {limit}}}
"""


def write(folder: Path, case: Case | None, without: str | None = None) -> Path:
    shutil.copytree(POLICIES, folder)
    if case:
        for first in range(0, case.routes, ROUTES_PER_FILE):
            _write_routes(folder, first, min(first + ROUTES_PER_FILE, case.routes), UNLIMITED)
    if without == "mask":
        _replace(folder / "routes/bench.yaml", MASK, "")
    if without == "meter":
        for meter in ("    durable: true\n", "    meter: {}\n"):
            _replace(folder / "routes/bench.yaml", meter, "")
        _replace(folder / "products.yaml", "billable: true", "billable: false")
    return folder


def change(folder: Path, number: int) -> None:
    """Other limits on some routes, so that the set is another one."""
    _write_routes(folder, 0, ROUTES_PER_FILE, UNLIMITED - 1 - number)


def _write_routes(folder: Path, first: int, end: int, limit: int) -> None:
    """Whole or not at all, so that nobody reads a half."""
    file = folder / f"routes/many-{first}.yaml"
    routes = (ROUTE.format(number=at, prefix=calls.route_prefix(at), limit=limit) for at in range(first, end))
    draft = file.with_name(f".{file.name}")
    draft.write_text("routes:\n" + "".join(routes))
    draft.rename(file)


def _replace(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    if old not in text:
        raise AssertionError(f"{file} has no {old!r}")
    file.write_text(text.replace(old, new))
