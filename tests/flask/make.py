"""Makes the databases beside this file: what SQLite itself writes, for the reader in `src/cli/import/sqlite/`.

    python make.py
"""

import os
import pathlib
import shutil
import sqlite3

HERE = pathlib.Path(__file__).parent
HASH = "$pbkdf2-sha256$8000$XAuBMIYQQogxRg$tRRlz8hYn63B9LYiCd6PRo6FMiunY9ozmMMI3srxeRE"  # of "password", from passlib's manual
TABLE = """CREATE TABLE users (
	id INTEGER NOT NULL,
	username VARCHAR(80) NOT NULL,
	password VARCHAR(80) NOT NULL,
	PRIMARY KEY (id),
	UNIQUE (username)
)"""


def fresh(name):
    for ending in ("", "-wal", "-shm", "-journal"):
        (HERE / (name + ending)).unlink(missing_ok=True)
    return sqlite3.connect(HERE / name, isolation_level=None)


def main():
    # Small pages, so that the tree has inner ones, one record that goes on elsewhere, and gaps where rows were deleted.
    db = fresh("deep.db")
    db.execute("PRAGMA page_size = 512")
    db.execute("CREATE TABLE other (id INTEGER PRIMARY KEY, note TEXT)")
    db.execute(TABLE)
    db.execute("BEGIN")
    db.executemany("INSERT INTO users VALUES (?, ?, ?)", ((n, f"user{n}", f"hash of {n}") for n in range(1, 401)))
    db.execute("DELETE FROM users WHERE id % 10 = 0")
    db.execute("INSERT INTO users VALUES (100000, 'longest', ?)", ("x" * 3000,))
    db.execute("INSERT INTO users VALUES (-5, 'below zero', x'00ff')")
    db.execute("INSERT INTO users VALUES (9223372036854775807, 'últimø', 7)")
    db.execute("COMMIT")
    db.execute("ALTER TABLE users ADD COLUMN email TEXT")
    db.close()

    # As a process that was killed leaves it: the log holds what was committed last, and a change that was not.
    db = fresh("logged.db")
    db.execute("PRAGMA page_size = 512")
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA wal_autocheckpoint = 0")
    db.execute(TABLE)
    db.execute("INSERT INTO users VALUES (1, 'arun', ?)", (HASH,))
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    db.execute("INSERT INTO users VALUES (2, 'mira', ?)", (HASH,))
    db.execute("UPDATE users SET username = 'arun2' WHERE id = 1")
    db.execute("BEGIN")
    db.executemany("INSERT INTO users VALUES (?, ?, ?)", ((n, f"user{n}", HASH) for n in range(100, 140)))
    db.execute("COMMIT")
    db.execute("PRAGMA cache_size = 1")
    db.execute("BEGIN")
    db.execute("UPDATE users SET username = 'ghost' || id WHERE id >= 100")
    for ending in ("", "-wal"):
        shutil.copy(HERE / ("logged.db" + ending), HERE / ("kept.db" + ending))
    db.execute("ROLLBACK")
    db.close()
    for ending in ("", "-wal"):
        (HERE / ("kept.db" + ending)).replace(HERE / ("logged.db" + ending))

    # The template's own table.
    db = fresh("users.db")
    db.execute(TABLE)
    db.executemany("INSERT INTO users VALUES (?, ?, ?)", [
        (1, "arun", HASH), (2, "Mira", HASH), (3, "mira", HASH), (5, "two words", HASH), (6, "plain", "password"), (7, "admin", HASH)])
    db.close()


main()
