"""Ports to read a meter from: pseudo-terminals with any behaviour behind them."""

import contextlib
import os
import select
import threading
import tty
from collections.abc import Callable, Iterator

Behaviour = Callable[[int, bytes], None]
"""Called with the master's descriptor and what was written to the port."""


@contextlib.contextmanager
def pty_port(behave: Behaviour) -> Iterator[str]:
    """The name of a pseudo-terminal with `behave` at its other end, which hangs up by raising EOFError."""
    master, slave = os.openpty()
    tty.setraw(slave)
    ended = threading.Event()

    def run() -> None:
        try:
            while not ended.is_set():
                if select.select([master], [], [], 0.02)[0]:
                    behave(master, os.read(master, 4096))
        except EOFError:
            os.close(slave)
            os.close(master)
            hung_up.set()

    hung_up = threading.Event()
    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        yield os.ttyname(slave)
    finally:
        ended.set()
        thread.join()
        if not hung_up.is_set():
            os.close(slave)
            os.close(master)


def answering(*answers: bytes) -> Behaviour:
    """Answers request after request, the last answer again and again."""
    left = list(answers)

    def behave(master: int, received: bytes) -> None:
        for _ in received:
            os.write(master, left.pop(0) if len(left) > 1 else left[0])

    return behave


def hanging_up(master: int, received: bytes) -> None:
    """Goes away instead of answering."""
    raise EOFError(master, received)


def flooding(noise: bytes) -> Behaviour:
    """Never stops sending once it was asked, at any pace the reader takes."""

    def behave(master: int, received: bytes) -> None:
        del received
        os.set_blocking(master, False)
        while select.select([], [master], [], 0.2)[1]:
            with contextlib.suppress(BlockingIOError):
                os.write(master, noise)

    return behave


def silent(master: int, received: bytes) -> None:
    """Takes everything and answers nothing."""
    del master, received
