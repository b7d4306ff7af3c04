"""The bell that ends a program: by any ending signal, in any thread, at any instant."""

import os
import signal
import subprocess
import sys

import pytest

from wattwatch.signals import Bell

PROGRAM = """
import signal, sys, threading
from wattwatch.signals import Bell
bell = Bell()
bell.rung_by_signals()
# A thread that never blocks the signals: the kernel may give them to it instead of the main thread.
threading.Thread(target=threading.Event().wait, daemon=True).start()
print("ready", flush=True)
if sys.argv[1:]:
    signal.raise_signal(int(sys.argv[1]))  # rung before anyone waits
bell.wait()
print("ended", flush=True)
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_ends_the_wait(number: signal.Signals) -> None:
    process = subprocess.Popen([sys.executable, "-c", PROGRAM], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    os.kill(process.pid, number)
    out, _ = process.communicate(timeout=30)
    assert (out, process.returncode) == ("ended\n", 0)


def test_a_signal_before_the_wait_is_not_lost() -> None:
    command = [sys.executable, "-c", PROGRAM, str(int(signal.SIGTERM))]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=30)
    assert done.stdout == "ready\nended\n"


def test_it_stays_rung_and_tells_whether_it_was() -> None:
    bell = Bell()
    assert not bell.wait(0.0)
    bell.ring()
    assert bell.wait(0.0)
    assert bell.wait()
