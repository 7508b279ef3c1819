"""Runs the command that is given, and prints as JSON what it took: wall and cpu in ms, and memory in MB.

A program of its own, and small: Linux counts the memory of who starts a process among that process's.
"""

import json
import os
import subprocess
import sys
import time

began = time.perf_counter()
process = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL)
_, status, usage = os.wait4(process.pid, 0)
wall, cpu = time.perf_counter() - began, usage.ru_utime + usage.ru_stime
took = {"wall": wall * 1e3, "cpu": cpu * 1e3, "memory": usage.ru_maxrss / 1024}
print(json.dumps(took))
sys.exit(os.waitstatus_to_exitcode(status))
