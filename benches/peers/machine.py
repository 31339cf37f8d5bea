"""The machine that a run is made on: what it must have, and how it is described in the results."""

import os
import platform
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from cases import BenchError

# Tool, and the Debian package that has it.
TOOLS = {"wrk": "wrk", "h2load": "nghttp2-client", "taskset": "util-linux", "openssl": "openssl"}


@dataclass(frozen=True)
class Cores:
    """The proxy has a core to itself; load and upstream share the other."""

    proxy: int
    others: int


def require_tools() -> None:
    for tool, package in TOOLS.items():
        if not shutil.which(tool):
            raise BenchError(f"{tool} is not installed (Debian: apt-get install {package})")


def pick_cores() -> Cores:
    allowed = sorted(os.sched_getaffinity(0))
    if len(allowed) < 2:
        raise BenchError("two cores are needed: one for the proxy, one for load and upstream")
    return Cores(proxy=allowed[0], others=allowed[1])


def description() -> dict[str, str]:
    return {
        "processor": f"{_field('/proc/cpuinfo', 'model name')}, {os.cpu_count()} cores",
        "memory": f"{int(_field('/proc/meminfo', 'MemTotal').split()[0]) / 1024 / 1024:.0f} GiB",
        "system": f"{platform.freedesktop_os_release()['PRETTY_NAME']}, Linux {platform.release()}",
        "wrk": _told("wrk", "-v").split("[")[0].replace("wrk", "").strip(),
        "h2load": _told("h2load", "--version").strip().rpartition("/")[2],
    }


def _field(file: str, name: str) -> str:
    for line in Path(file).read_text().splitlines():
        if line.startswith(name):
            return line.split(":", 1)[1].strip()
    return "unknown"


def _told(*command: str) -> str:
    # wrk tells its version and ends with status 1.
    told = subprocess.run(command, capture_output=True, text=True, check=False)
    return told.stdout + told.stderr
