"""What the load calls: a file with a path, a tab and a header line (or nothing) on each line. Its lines take turns."""

import random
from collections.abc import Iterable
from pathlib import Path

from cases import Case


def write(file: Path, case: Case, headers: Iterable[str] = ("",)) -> Path:
    """One call for each header on the case's path, or one for each of its routes, in an order that is no order."""
    paths = [route_path(number) for number in range(case.routes)] or [case.path]
    random.Random(7).shuffle(paths)
    with file.open("w") as lines:
        for path in paths:
            lines.writelines(f"{path}\t{header}\n" for header in headers)
    return file


def count(file: Path) -> int:
    """How many calls there are."""
    with file.open() as lines:
        return sum(1 for _ in lines)


def first_header(file: Path) -> str:
    """The header of the first call."""
    with file.open() as lines:
        return lines.readline().rstrip("\n").split("\t")[1]


def fields(line: str) -> dict[str, str]:
    """The header of a call, as a client takes it."""
    name, _, value = line.split("\t")[1].partition(": ")
    return {name: value} if name else {}


def route_path(number: int) -> str:
    return f"{route_prefix(number)}1"


def route_prefix(number: int) -> str:
    """The path of a route but for its last segment, which is any."""
    return f"/api/routes/r{number:05}/items/"


def bearer(token: str) -> str:
    return f"Authorization: Bearer {token}"


def api_key(key: str) -> str:
    return f"X-Api-Key: {key}"


def forged(header: str, number: int = 0) -> str:
    """The header with another signature, token or key of the same shape; each number gives another one."""
    digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
    changed = ""
    for _ in range(6):
        number, digit = divmod(number, len(digits))
        changed += digits[digit]
    # Neither the end, whose last bits may not count, nor what stands before a signature.
    at = len(header) - 20
    # One more, so that it never is what it was.
    before = header[at - 1]
    return f"{header[: at - 1]}{'A' if before != 'A' else 'B'}{changed}{header[at + 6 :]}"
