"""interrupt.py FOLDER COMMAND...: interrupts the command at six moments, with FOLDER for temporary files."""
import os
import random
import signal
import subprocess
import sys
import time

folder, command = sys.argv[1], sys.argv[2:]
for number in range(6):
    process = subprocess.Popen(command, env={**os.environ, "TMPDIR": folder}, stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL,
                               preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))  # lit ignores it
    time.sleep(random.uniform(0.2, 1.5))
    process.send_signal(signal.SIGTERM if number % 2 else signal.SIGINT)
    code = process.wait(20)
    assert code < 0 or code >= 128, f"not interrupted: {code}"
    assert not os.listdir(folder), os.listdir(folder)
print("6 times interrupted, nothing left")
