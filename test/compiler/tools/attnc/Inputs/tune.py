"""tune.py JSON DATABASE: the report agrees with itself; then one schedule of the database becomes twice as fast."""
import json
import sqlite3
import sys

report = json.load(open(sys.argv[1]))
(op,) = report["ops"]
measured = op["measured"]
assert measured and op["op"] == "attn.attention" and op["count"] == 1 and op["extents"] == "B=1,G=1,H=1,M=8,N=8"
assert report["dims"] == "B=1,M=8,N=8" and report["threads"] == 1
for row in measured:
    assert row["rounds"] >= 3 and row["seconds"] > 0 and row["default_seconds"] > 0
    assert row["quartiles"][0] <= row["speed"] <= row["quartiles"][1]
assert op["default_is_best"] == (op["best"] == "")
assert op["default_is_best"] or op["best"] in [row["schedule"] for row in measured]

with sqlite3.connect(sys.argv[2]) as database:
    known = {schedule for schedule, in database.execute("SELECT DISTINCT schedule FROM measurement")}
    assert known == {row["schedule"] for row in measured}
    repeated = database.execute("SELECT schedule FROM measurement GROUP BY schedule HAVING count(*) > 2").fetchall()
    assert not repeated, f"measured more often than for a first look and a decision: {repeated}"
    columns = "op, extents, target, cpu, compiler, threads, source"
    database.execute(f"INSERT INTO measurement({columns}, schedule) SELECT {columns}, 'attention.keys=32,attention.rows=2' "
                     "FROM measurement LIMIT 1")
    newest, = database.execute("SELECT max(id) FROM measurement").fetchone()
    database.execute("DELETE FROM round WHERE measurement <> ?", [newest])
    database.executemany("INSERT INTO round VALUES(?, 1e-3, 5e-4)", [[newest]] * 11)
print("consistent")
