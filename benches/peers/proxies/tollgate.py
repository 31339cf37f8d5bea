"""Tollgate: one worker, the policies of `benches/peers/policies`, tokens from its own token endpoint."""

import secrets
import shutil
import subprocess
from pathlib import Path

import processes
from cases import BenchError, Case, Site
from proxies.peer import Peer, Target
from proxies.tollgate_client import Node

POLICIES = Path(__file__).resolve().parents[1] / "policies"

DOES = {
    "bare": "`tollgate serve --workers 1`: an anonymous route, limited by client address; anonymous calls are counted in "
    "metrics and leave no usage record",
    "policy": "`tollgate serve --workers 1`: ES256 access tokens from its own token endpoint; a verification is remembered for a "
    "minute at most, which nearly all calls find after the warm-up; subscription, scope, plan limit by app, usage record "
    "in the journal",
}


class Tollgate(Peer):
    name = "Tollgate"

    def __init__(self, program: Path, source: str) -> None:
        self.program = program
        self.source = source

    def version(self) -> str:
        told = subprocess.run([str(self.program), "--version"], capture_output=True, text=True, check=True).stdout
        return f"{told.split()[-1]} ({self.source})"

    def obstacle(self, case: Case) -> str | None:
        return None if case.name in DOES else "its policies have no route for this case"

    def prepare(self, site: Site) -> Target:
        data, seed = site.folder / "data", site.folder / "seed"
        admin_token = secrets.token_hex(32)
        admin_port = processes.free_port()
        address = f"127.0.0.1:{site.port}"
        command = [str(self.program), "serve", "--workers", "1", "--policies", str(POLICIES), "--data", str(data)]
        command += ["--listen", address, "--admin-listen", f"127.0.0.1:{admin_port}", "--public-url", f"http://{address}"]
        target = Target(
            command,
            does=DOES[site.case.name],
            tokens=site.folder / "tokens" if site.case.needs_token else None,
            usage=data / "journal",
            environment={
                "TOLLGATE_ADMIN_TOKEN": admin_token,
                "TOLLGATE_BENCH_UPSTREAM_PORT": str(site.upstream_port),
            },
            reset=lambda: _copy(seed, data),
        )
        data.mkdir()
        if target.tokens:
            with processes.Process(command, None, site.folder / "prepare", target.environment) as process:
                process.wait_for_port(admin_port)
                process.wait_for_port(site.port)
                _write_tokens(target.tokens, Node(site.port, admin_port, admin_token), site)
        data.rename(seed)
        return target


def _copy(seed: Path, data: Path) -> None:
    shutil.rmtree(data, ignore_errors=True)
    shutil.copytree(seed, data)


def _write_tokens(file: Path, node: Node, site: Site) -> None:
    """Registers the site's apps and gets its tokens, those of one app not one after the other."""
    partner = node.create("partners", {"name": "Side by side"})["id"]
    clients = [_app(node, partner, number) for number in range(site.apps)]
    tokens = [node.token(*clients[number % site.apps]) for number in range(site.tokens)]
    if len(set(tokens)) < site.tokens:
        raise BenchError(f"of {site.tokens} tokens only {len(set(tokens))} are different")
    file.write_text("".join(f"{token}\n" for token in tokens))


def _app(node: Node, partner: str, number: int) -> tuple[str, str]:
    """A subscribed app's id and secret."""
    app = node.create(
        "apps",
        {
            "partner": partner,
            "name": f"App {number}",
            "environment": "live",
            "kind": "confidential",
            "redirect_uris": [],
            "scopes": ["logistics:read"],
            "requires_pkce": False,
        },
    )
    node.create("subscriptions", {"app": app["id"], "product": "tracking", "plan": "bench"})
    return app["id"], app["client_secret"]
