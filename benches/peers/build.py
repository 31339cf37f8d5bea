"""Builds the programs of this project that a run needs, by cargo."""

import functools
import json
import subprocess
from pathlib import Path

from cases import BenchError

ROOT = Path(__file__).resolve().parents[2]


def tollgate(profile: str) -> Path:
    return _built(profile, "--bin", "tollgate")


@functools.cache
def tool(name: str) -> Path:
    """A program beside this file: `upstream`, `paced` or `mint`. It is optimized itself, as load and upstream share a core, and what
    it rests on is built as for the tests, in minutes less."""
    return _built("dev", "--bench", name, ("-C", "opt-level=3"))


def commit() -> str:
    """The commit that is built, and whether the tree has changes beside it."""
    told = subprocess.run(
        ["git", "describe", "--always", "--dirty"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    return told.stdout.strip() or "no commit known"


def _built(profile: str, kind: str, name: str, flags: tuple[str, ...] = ()) -> Path:
    """Builds one target and returns the program; cargo's own messages go to the terminal. The flags are for the target alone."""
    command = ["cargo", "rustc", "--locked", "--profile", profile, kind, name]
    command += ["--message-format=json-render-diagnostics", "--", *flags]
    try:
        ended = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False)
    except FileNotFoundError as missing:
        raise BenchError("cargo is not installed: see https://rustup.rs") from missing
    for line in ended.stdout.splitlines():
        message = json.loads(line)
        if message.get("executable") and message["target"]["name"] == name:
            return Path(message["executable"])
    raise BenchError(f"cargo could not build {name}")
