"""What holds for every test."""

import signal

import pytest
from hypothesis import settings

from wattwatch.client import SYSTEM_SOCKET

# A busy machine is no mistake: examples may take as long as they do; pytest-timeout ends what hangs. The same
# commit gets the same answer: `--hypothesis-profile explore` looks for examples that nobody has seen yet.
settings.register_profile("wattwatch", deadline=None, derandomize=True)
settings.register_profile("explore", deadline=None, max_examples=1000)
settings.load_profile("wattwatch")


def pytest_configure() -> None:
    """Let Ctrl-C reach the processes that tests start: a shell's background jobs are born deaf to it."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if SYSTEM_SOCKET.exists():
        pytest.exit(f"commands under test would find {SYSTEM_SOCKET}: stop the service first", returncode=4)
