"""tune-old.py DATABASE: a tuning database of version 1, whose records are of programs."""
import sqlite3
import sys

with sqlite3.connect(sys.argv[1]) as database:
    database.executescript("""
      CREATE TABLE measurement(id INTEGER PRIMARY KEY, program TEXT, dims TEXT, target TEXT, cpu TEXT, compiler TEXT,
                               threads INTEGER, schedule TEXT, source TEXT, load REAL, measured_at TEXT);
      CREATE TABLE round(measurement INTEGER, baseline REAL, seconds REAL);
      CREATE INDEX by_workload ON measurement(program, target, cpu, compiler, threads, dims);
      CREATE INDEX by_measurement ON round(measurement);
      PRAGMA application_id = 0x61746e63; PRAGMA user_version = 1;
    """)
