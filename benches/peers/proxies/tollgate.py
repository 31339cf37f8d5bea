"""Tollgate: one worker, the policies of `benches/peers/policies`, apps by its admin API."""

import functools
import os
import secrets
import shutil
import subprocess
from pathlib import Path

import api_keys
import calls
import processes
import tokens
from cases import Case, Credential, Site
from proxies import tollgate_policies
from proxies.peer import Peer, Target
from proxies.tollgate_client import Node, command, metric, wait_until_ready
from proxies.tollgate_seed import Seed

SERVE = "`tollgate serve --workers 1`"
ANONYMOUS = (
    f"{SERVE}: an anonymous route, limited by client address; anonymous calls are counted in metrics and leave no record"
)
KNOWN = (
    "a verification is remembered for a minute at most, which nearly all calls find after the warm-up; subscription, scope, "
    "plan limit by app, usage record in the journal, rated and posted to the ledger in SQLite"
)
DOES = {
    Credential.NONE: ANONYMOUS,
    Credential.TOKEN: f"{SERVE}: ES256 access tokens that it signed; {KNOWN}",
    Credential.NEW_TOKEN: f"{SERVE}: ES256 access tokens that it signed, each verified; subscription, scope, plan limit by "
    "app, usage record in the journal, rated and posted to the ledger in SQLite",
    Credential.API_KEY: f"{SERVE}: API keys, kept as SHA-256 in SQLite; {KNOWN}",
}


# What it is called whose routes do without something.
WITHOUT = {None: "Tollgate", "meter": "Tollgate, unmetered", "mask": "Tollgate, unmasked"}


class Tollgate(Peer):
    """`without` is what its routes do without: `meter`, and then the product is free, `mask`, or nothing."""

    def __init__(self, program: Path, source: str, seed: Seed, without: str | None = None) -> None:
        self.name = WITHOUT[without]
        self.program = program
        self.source = source
        self._seed = seed
        self._without = without

    def version(self) -> str:
        told = subprocess.run([str(self.program), "--version"], capture_output=True, text=True, check=True).stdout
        return f"{told.split()[-1]} ({self.source})"

    def obstacle(self, case: Case) -> str | None:
        if case.protocol.is_tls and not self._has_tls:
            return "this build serves no TLS"
        return None

    @functools.cached_property
    def _has_tls(self) -> bool:
        told = subprocess.run([str(self.program), "serve", "--help"], capture_output=True, text=True, check=True).stdout
        return "--tls-certificates" in told

    def prepare(self, site: Site) -> Target:
        case, data = site.case, site.folder / "data"
        policies = tollgate_policies.write(site.folder / "policies", case, self._without)
        start, headers = self._callers(site) if case.has_credential else (None, [""])
        admin_port, admin_token = processes.free_port(), secrets.token_hex(32)
        keys = api_keys.count(case, site.apps) if case.credential is Credential.API_KEY else 0
        environment = {
            "TOLLGATE_ADMIN_TOKEN": admin_token,
            "TOLLGATE_BENCH_UPSTREAM_PORT": str(site.upstream_port),
        }
        return Target(
            command(self.program, policies, data, (site.port, admin_port), _certificates(site)),
            does=DOES[case.credential]
            + (f"; no {self._without}" if self._without else "")
            + ("; default buffers" if case.is_large else "")
            + ("; it has learnt the keys before measuring begins" if keys else ""),
            calls=calls.write(site.folder / "calls", case, headers),
            usage=(lambda: metric(admin_port, "tollgate_journal_committed")) if case.has_credential else None,
            waiting=(lambda: metric(admin_port, "tollgate_usage_waiting")) if case.has_credential else None,
            environment=environment,
            reset=lambda: _copy(start, data),
            wait=lambda: wait_until_ready(admin_port, keys),
            is_serving=is_serving,
            reload=lambda _, number: _reload(policies, Node(admin_port, admin_token), number),
            metrics=f"http://127.0.0.1:{admin_port}/metrics",
        )

    def _callers(self, site: Site) -> tuple[Path, list[str]]:
        """A data folder with apps and keys to start from, and the headers of calls."""
        if site.case.credential is Credential.API_KEY:
            start, _ = self._seed.folder(site.apps, site.upstream_port, api_keys.count(site.case, site.apps))
            return start, [calls.api_key(key) for key in api_keys.calling(site.case, site.apps)]
        start, apps = self._seed.folder(site.apps, site.upstream_port)
        return start, [calls.bearer(token) for token in tokens.mint(start, tokens.count(site), apps)]


def is_serving(thread: str) -> bool:
    """The cores, and the thread that writes what a peer's log line is compared with. The others keep the books."""
    return thread.startswith("core-") or thread == "journal"


def _certificates(site: Site) -> Path | None:
    """A folder with one certificate, NAME.crt, and its key, NAME.key."""
    if not site.case.protocol.is_tls:
        return None
    folder = site.folder / "certificates"
    folder.mkdir()
    certificate, key = tokens.write_certificate(site.folder)
    certificate.rename(folder / "bench.crt")
    key.rename(folder / "bench.key")
    return folder


def _copy(start: Path | None, data: Path) -> None:
    """Puts the data folder back to its start. The disk is let finish, so that no run waits for what this wrote."""
    shutil.rmtree(data, ignore_errors=True)
    if not start:
        return
    shutil.copytree(start, data)
    for file in data.rglob("*"):
        if file.is_file():
            descriptor = os.open(file, os.O_RDONLY)
            os.fsync(descriptor)
            os.close(descriptor)


def _reload(policies: Path, node: Node, number: int) -> None:
    tollgate_policies.change(policies, number)
    node.reload()
