"""growth.py KIND: 1,400 lets of lets.py take about twice the processor time of 700, and less than 2.9 times."""
import os
import resource
import subprocess
import sys

lets = os.path.join(os.path.dirname(__file__), "lets.py")


def seconds(count):
    text = subprocess.run([sys.executable, lets, sys.argv[1], str(count)], check=True, capture_output=True).stdout
    with open("lets.attn", "wb") as file:
        file.write(text)
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    # One form: short files get a second one for few queries, long ones do not.
    subprocess.run(["attnc", "compile", "lets.attn", "--emit=obj", "-o", "lets.o", "--schedule=attention.form=transposed"],
                   check=True, stderr=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime - before.ru_utime


for attempt in range(3):  # a busy machine has slow seconds
    empty, half, whole = seconds(0), seconds(700), seconds(1400)
    growth = (whole - empty) / (half - empty)
    if growth < 2.9:
        print(f"linear: {growth:.2f}")
        break
else:
    sys.exit(f"700 lets take {half:.2f} s, 1,400 take {whole:.2f} s, none takes {empty:.2f} s")
