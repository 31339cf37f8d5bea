"""Data folders to start from, each made once for a run: apps come by the admin API, keys in bulk."""

import contextlib
import hashlib
import secrets
import shutil
import sqlite3
import time
from pathlib import Path

import api_keys
import processes
from proxies import tollgate_policies
from proxies.tollgate_client import Node, command

INSERT_KEY = "insert into api_key (id, hash, app, created_at) values (?, ?, ?, ?)"
# Apps beyond those that the admin API made are like the first of them, but for their ids.
APP_FIELDS = "partner, name, environment, kind, redirect_uris, scopes, default_scopes, requires_pkce, standing, created_at"
INSERT_APP = f"insert into app (id, {APP_FIELDS}) select ?, {APP_FIELDS} from app where id = ?"
INSERT_SUBSCRIPTION = """
    insert into subscription (id, app, product, plan, plan_version, starts_at)
    select ?, ?, product, plan, plan_version, starts_at from subscription where app = ?
"""


class Seed:
    def __init__(self, program: Path, folder: Path) -> None:
        self._program = program
        self._folder = folder
        self._apps: list[str] = []

    def folder(self, apps: int, upstream_port: int, keys: int = 0) -> tuple[Path, list[str]]:
        """One with so many subscribed apps, and their ids; or with so many API keys too, each of an app of its own."""
        if not self._apps:
            self._make(apps, upstream_port)
        made = self._folder / (f"data-{keys}" if keys else "data")
        if not made.exists():
            shutil.copytree(self._folder / "data", made)
            self._add_keys(made / "tollgate.db", keys)
        return made, self._apps

    def _add_keys(self, database: Path, count: int) -> None:
        """Keys as `POST /admin/keys` keeps them, in bulk."""
        now, first = time.time_ns() // 1000, self._apps[0]
        more = [f"app_bulk{number:08}" for number in range(count - len(self._apps))]
        keys = (
            (f"key_{number:016}", hashlib.sha256(key.encode()).digest(), app, now)
            for number, (key, app) in enumerate(zip(api_keys.known(count), [*self._apps, *more], strict=False))
        )
        with contextlib.closing(sqlite3.connect(database)) as store, store:
            # Nobody follows the changes of a node that is not running, and Python's SQLite may be too old to note them.
            triggers = store.execute("select name, sql from sqlite_master where type = 'trigger' and tbl_name = 'subscription'")
            triggers = triggers.fetchall()
            for name, _ in triggers:
                store.execute(f"drop trigger {name}")
            store.executemany(INSERT_APP, ((app, first) for app in more))
            store.executemany(INSERT_SUBSCRIPTION, ((f"sub_{app}", app, first) for app in more))
            store.executemany(INSERT_KEY, keys)
            for _, statement in triggers:
                store.execute(statement)

    def _make(self, apps: int, upstream_port: int) -> None:
        self._folder.mkdir()
        policies = tollgate_policies.write(self._folder / "policies", None)
        ports, admin_token = (processes.free_port(), processes.free_port()), secrets.token_hex(32)
        environment = {"TOLLGATE_ADMIN_TOKEN": admin_token, "TOLLGATE_BENCH_UPSTREAM_PORT": str(upstream_port)}
        start = command(self._program, policies, self._folder / "data", ports)
        with processes.Process(start, None, self._folder / "output", environment) as process:
            for port in ports:
                process.wait_for_port(port)
            node = Node(ports[1], admin_token)
            partner = node.create("partners", {"name": "Side by side"})["id"]
            self._apps = [_app(node, partner, number) for number in range(apps)]


def _app(node: Node, partner: str, number: int) -> str:
    """A subscribed app's id."""
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
    return app["id"]
