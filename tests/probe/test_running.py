"""The time limit: it ends loops, and leaves nothing behind that would stop a debugger."""

from __future__ import annotations

import subprocess
import sys

import pytest

BODIES = {
    "nothing happens": "pass",
    "a loop is ended": "\n            while True:\n                time.time()",
    "it comes too late": "time.sleep(0.3)",
}


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES.keys())
def test_a_debugger_works_after_it(body):
    """In a process of its own: Python 3.11 would never come back from the traced call."""
    code = f"""
import sys, time
from coursekit.probe.running import TimeUp, time_limit
for _ in range(2):
    try:
        with time_limit(0.1):
            {body}
    except TimeUp:
        pass
sys.settrace(lambda *event: None)
print((lambda: "traced")())
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert (done.stdout.strip(), done.stderr) == ("traced", "")


def test_an_import_is_not_cut_in_two(tmp_path):
    """A module stopped half-way through would stay broken until the kernel restarts."""
    (tmp_path / "slow_to_load.py").write_text("import time\ntime.sleep(0.5)\nwhole = True\n")
    code = f"""
import sys
sys.path.insert(0, {str(tmp_path)!r})
from coursekit.probe.running import TimeUp, time_limit
try:
    with time_limit(0.1):
        import slow_to_load
        while True:
            pass
except TimeUp:
    print(slow_to_load.whole)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert (done.stdout.strip(), done.stderr) == ("True", "")
