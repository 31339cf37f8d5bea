"""A Tollgate node: how it is started, and what the runs ask of its admin API."""

import http.client
import json
import time
import urllib.error
import urllib.request
from pathlib import Path

import tokens
from cases import BenchError

# Far beyond what a million keys take.
LEARN_SECONDS = 120


def command(
    program: Path, policies: Path, data: Path, ports: tuple[int, int], certificates: Path | None = None
) -> list[str]:
    """Starts it on those two ports, for partners (by TLS with the certificates in that folder) and for administrators."""
    told = [str(program), "serve", "--workers", "1", "--policies", str(policies), "--data", str(data)]
    if certificates:
        told += ["--tls-certificates", str(certificates), "--tls-listen", f"127.0.0.1:{ports[0]}"]
    else:
        told += ["--listen", f"127.0.0.1:{ports[0]}"]
    return [*told, "--admin-listen", f"127.0.0.1:{ports[1]}", "--public-url", tokens.ISSUER]


def wait_until_ready(admin_port: int, keys: int) -> None:
    """Returns once administrators are served, and the node remembers so many API keys, which it learns after its start."""
    deadline, known = time.monotonic() + LEARN_SECONDS, -1
    while known < keys:
        if time.monotonic() > deadline:
            raise BenchError(f"{known} of {keys} keys are known after {LEARN_SECONDS} s")
        try:
            known = metric(admin_port, "tollgate_api_keys_known")
        except urllib.error.URLError:
            # The administrators' port opens after the partners'.
            known = -1
        if known < keys:
            time.sleep(0.1)


def wait_until_complete(admin_port: int) -> None:
    """Returns once the node knows which API keys there are."""
    deadline = time.monotonic() + LEARN_SECONDS
    while metric(admin_port, "tollgate_api_keys_complete") == 0:
        if time.monotonic() > deadline:
            raise BenchError(f"after {LEARN_SECONDS} s it is not known which keys there are")
        time.sleep(0.1)


def metric(admin_port: int, name: str) -> int:
    with urllib.request.urlopen(f"http://127.0.0.1:{admin_port}/metrics", timeout=30) as answer:
        lines = answer.read().decode().splitlines()
    return next(int(line.split()[-1]) for line in lines if line.startswith(f"{name} "))


class Node:
    """One node, over a kept connection."""

    def __init__(self, admin_port: int, admin_token: str) -> None:
        self._admin = http.client.HTTPConnection("127.0.0.1", admin_port, timeout=60)
        self._headers = {"Authorization": f"Bearer {admin_token}", "Content-Type": "application/json"}

    def create(self, noun: str, entry: dict[str, object]) -> dict[str, str]:
        """Creates an entry; returns it as stored."""
        return self._post(f"/admin/{noun}", entry)

    def reload(self) -> None:
        """Reads the policies now; fails if they are not taken."""
        self._post("/admin/policy/reload", {})

    def _post(self, path: str, entry: dict[str, object]) -> dict[str, str]:
        self._admin.request("POST", path, body=json.dumps(entry), headers=self._headers)
        answer = self._admin.getresponse()
        text = answer.read().decode(errors="replace")
        if not 200 <= answer.status < 300:
            raise BenchError(f"POST {path} gave {answer.status}: {text[:500]}")
        stored: dict[str, str] = json.loads(text)
        return stored
