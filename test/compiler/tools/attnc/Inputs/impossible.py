"""impossible.py DATABASE SCHEDULE...: says of each schedule that it is ten times as fast as the default."""
import sqlite3
import sys

columns = "op, extents, target, cpu, compiler, threads, source"
with sqlite3.connect(sys.argv[1]) as database:
    for schedule in sys.argv[2:]:
        database.execute(f"INSERT INTO measurement({columns}, schedule) SELECT {columns}, ? FROM measurement LIMIT 1", [schedule])
        newest, = database.execute("SELECT max(id) FROM measurement").fetchone()
        database.executemany("INSERT INTO round VALUES(?, 1e-3, 1e-4)", [[newest]] * 11)
