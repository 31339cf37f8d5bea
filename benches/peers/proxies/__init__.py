"""The proxies that are compared."""

from collections.abc import Callable
from pathlib import Path

from proxies.envoy import Envoy
from proxies.haproxy import HAProxy
from proxies.nginx import Nginx
from proxies.peer import Peer
from proxies.tollgate import Tollgate
from proxies.tollgate_seed import Seed
from proxies.traefik import Traefik

NAMES = (
    *("haproxy", "haproxy-hs256", "haproxy-buffers", "nginx", "nginx-buffers"),
    *("envoy", "envoy-cache", "traefik", "tollgate", "tollgate-unmetered", "tollgate-unmasked"),
)


def all_of(names: list[str], tollgate: Callable[[], tuple[Path, str]], folder: Path) -> dict[str, Peer]:
    """Those proxies by name; `tollgate` gives the program and where it is from, and is asked only if it is needed."""
    peers: dict[str, Peer] = {
        "haproxy": HAProxy(),
        "haproxy-hs256": HAProxy("HS256"),
        "haproxy-buffers": HAProxy(buffer_kib=256),
        "nginx": Nginx(),
        "nginx-buffers": Nginx(has_large_buffers=True),
        "envoy": Envoy(),
        "envoy-cache": Envoy(caches_tokens=True),
        "traefik": Traefik(),
    }
    if any(name.startswith("tollgate") for name in names):
        program, source = tollgate()
        seed = Seed(program, folder / "seed")
        peers["tollgate"] = Tollgate(program, source, seed)
        peers["tollgate-unmetered"] = Tollgate(program, source, seed, without="meter")
        peers["tollgate-unmasked"] = Tollgate(program, source, seed, without="mask")
    return {name: peers[name] for name in names}
