"""What holds for every test."""

import signal

from hypothesis import settings

# A busy machine is no mistake: examples may take as long as they do; pytest-timeout ends what hangs.
settings.register_profile("wattwatch", deadline=None)
settings.load_profile("wattwatch")


def pytest_configure() -> None:
    """Let Ctrl-C reach the processes that tests start: a shell's background jobs are born deaf to it."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
