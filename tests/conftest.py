"""What holds for all tests."""

import signal


def pytest_configure() -> None:
    """Let Ctrl-C reach the processes that tests start: a shell's background jobs are born deaf to it."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
