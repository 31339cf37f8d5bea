"""Fills a SQLite store with apps that have one API key each, as fast as SQLite takes them: the admin API would take hours.

The node must have made the store, and must not be running. Options: python3 benches/peers/many_keys.py --help
"""

import argparse
import hashlib
import random
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
LETTERS = "0123456789abcdefghjkmnpqrstvwxyz"
PREFIX = "tg_live_"
SECRET_LENGTH = 43
CHECKSUM_LENGTH = 6
ID_LENGTH = 16
APPS_OF_A_PARTNER = 100
ROWS_AT_ONCE = 50_000


def _crc_table() -> list[int]:
    table = []
    for byte in range(256):
        for _ in range(8):
            byte = byte >> 1 ^ (0x82F63B78 if byte & 1 else 0)
        table.append(byte)
    return table


CRC32C = _crc_table()


def api_key(chance: random.Random) -> str:
    """A key of the shape that src/domain/api_key.rs makes, checksum included."""
    signed = PREFIX + "".join(chance.choices(DIGITS, k=SECRET_LENGTH))
    crc = 0xFFFFFFFF
    for byte in signed.encode():
        crc = crc >> 8 ^ CRC32C[(crc ^ byte) & 0xFF]
    crc ^= 0xFFFFFFFF
    checksum = ""
    for _ in range(CHECKSUM_LENGTH):
        crc, digit = divmod(crc, len(DIGITS))
        checksum = DIGITS[digit] + checksum
    return signed + checksum


def _new_id(prefix: str, chance: random.Random) -> str:
    return prefix + "".join(chance.choices(LETTERS, k=ID_LENGTH))


def fill(store: Path, keys: Path, count: int, product: str, plan: str, scopes: str) -> None:
    """Adds `count` apps, each with a subscription and a key; writes the keys to `keys`, one a line."""
    database = sqlite3.connect(store)
    database.execute("pragma synchronous = off")
    database.execute("pragma cache_size = -400000")
    chance = random.SystemRandom() if count < ROWS_AT_ONCE else random.Random(random.SystemRandom().random())
    with keys.open("w") as file, database:
        for rows in _batches(count, chance, (product, plan, scopes)):
            database.executemany("insert into partner (id, name, standing, created_at) values (?, ?, ?, ?)", rows[0])
            database.executemany(
                "insert into app (id, partner, name, environment, kind, redirect_uris, scopes, default_scopes, "
                "requires_pkce, standing, created_at) values (?, ?, ?, 'live', 'confidential', '[]', ?, ?, 0, 'active', ?)",
                rows[1],
            )
            database.executemany(
                "insert into subscription (id, app, product, plan, starts_at) values (?, ?, ?, ?, ?)", rows[2]
            )
            database.executemany("insert into api_key (id, hash, app, created_at) values (?, ?, ?, ?)", rows[3])
            file.writelines(f"{key}\n" for key in rows[4])
    database.execute("pragma wal_checkpoint(truncate)")
    database.close()


def _batches(count: int, chance: random.Random, terms: tuple[str, str, str]) -> Iterator[tuple[list, list, list, list, list]]:
    """Rows of partners, apps, subscriptions and keys, and the keys themselves."""
    product, plan, scopes = terms
    now = int(time.time() * 1e6)
    partner = ""
    for first in range(0, count, ROWS_AT_ONCE):
        partners, apps, subscriptions, records, keys = [], [], [], [], []
        for number in range(first, min(first + ROWS_AT_ONCE, count)):
            if number % APPS_OF_A_PARTNER == 0:
                partner = _new_id("par_", chance)
                partners.append((partner, f"Partner {number}", "active", now))
            app, key = _new_id("app_", chance), api_key(chance)
            apps.append((app, partner, f"App {number}", scopes, scopes, now))
            subscriptions.append((_new_id("sub_", chance), app, product, plan, now))
            records.append((_new_id("key_", chance), hashlib.sha256(key.encode()).digest(), app, now))
            keys.append(key)
        # By the order of each index, so that SQLite writes pages once.
        apps.sort()
        subscriptions.sort()
        records.sort()
        yield partners, apps, subscriptions, records, keys


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("store", type=Path, help="the file tollgate.db in a node's data folder")
    options.add_argument("keys", type=Path, help="the file to write the keys to")
    options.add_argument("--count", type=int, default=1_000_000)
    options.add_argument("--product", default="tracking")
    options.add_argument("--plan", default="bench")
    options.add_argument("--scopes", default="logistics:read")
    given = options.parse_args()
    fill(given.store, given.keys, given.count, given.product, given.plan, given.scopes)


if __name__ == "__main__":
    main()
