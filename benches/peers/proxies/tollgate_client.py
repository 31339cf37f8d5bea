"""What the runs ask of a running Tollgate node: its admin API, and access tokens."""

import http.client
import json
import urllib.parse

from cases import BenchError


class Node:
    """One node, over two kept connections."""

    def __init__(self, port: int, admin_port: int, admin_token: str) -> None:
        self._public = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        self._admin = http.client.HTTPConnection("127.0.0.1", admin_port, timeout=30)
        self._admin_token = admin_token

    def create(self, noun: str, entry: dict[str, object]) -> dict[str, str]:
        """Creates an entry by the admin API; returns it as stored."""
        headers = {"Authorization": f"Bearer {self._admin_token}", "Content-Type": "application/json"}
        return _post(self._admin, f"/admin/{noun}", json.dumps(entry), headers)

    def token(self, client_id: str, client_secret: str) -> str:
        """A new access token with the app's default scopes (client credentials)."""
        form = {"grant_type": "client_credentials", "client_id": client_id, "client_secret": client_secret}
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        return _post(self._public, "/oauth/token", urllib.parse.urlencode(form), headers)["access_token"]


def _post(connection: http.client.HTTPConnection, path: str, body: str, headers: dict[str, str]) -> dict[str, str]:
    connection.request("POST", path, body=body, headers=headers)
    answer = connection.getresponse()
    text = answer.read().decode(errors="replace")
    if not 200 <= answer.status < 300:
        raise BenchError(f"POST {path} gave {answer.status}: {text[:500]}")
    return json.loads(text)
