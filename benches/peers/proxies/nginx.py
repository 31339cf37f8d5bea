"""nginx: one worker, kept connections on both sides."""

import shutil
import subprocess
from pathlib import Path

from cases import Case, Site
from proxies.peer import Peer, Target

CONFIG = """
daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log stderr warn;
events {{ worker_connections 4096; }}
http {{
    access_log off;
    keepalive_requests 1000000000;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    upstream only {{
        server 127.0.0.1:{upstream_port};
        keepalive 256;
        keepalive_requests 1000000000;
    }}
    server {{
        listen 127.0.0.1:{port};
        location /api/ {{
            proxy_pass http://only;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
        }}
    }}
}}
"""


class Nginx(Peer):
    name = "nginx"

    def version(self) -> str:
        told = subprocess.run(["nginx", "-v"], capture_output=True, text=True, check=True).stderr
        return told.strip().rsplit("/", 1)[1]

    def obstacle(self, case: Case) -> str | None:
        if not shutil.which("nginx"):
            return "not installed (Debian: apt-get install nginx-light)"
        if case.needs_token:
            return "without its Lua module it cannot check a token, and no configuration for Lua is written yet"
        return None

    def prepare(self, site: Site) -> Target:
        config = site.folder / "nginx.conf"
        config.write_text(CONFIG.format(folder=site.folder, port=site.port, upstream_port=site.upstream_port))
        command = [str(shutil.which("nginx")), "-p", str(site.folder), "-c", str(config), "-e", "stderr"]
        return Target(command, does="one worker (and its master), `keepalive` to the upstream, no access log")
