"""One connection at a time for each adapter, over all meters of the process."""

import threading

import pytest

from wattwatch.errors import SourceUnavailable
from wattwatch.sources.um.hci import first_adapter
from wattwatch.sources.um.links import connecting


def in_another_thread(adapter: str, patience_seconds: float) -> str:
    """What came of an attempt to connect from another thread: "" or the error line."""
    said: list[str] = []

    def attempt() -> None:
        try:
            with connecting(adapter, patience_seconds):
                said.append("")
        except SourceUnavailable as error:
            said.append(f"{error.reason}: {error}")

    thread = threading.Thread(target=attempt)
    thread.start()
    thread.join()
    return said[0]


def test_a_second_connection_waits_and_says_so_when_it_gives_up() -> None:
    with connecting("hci0"):
        line = in_another_thread("hci0", 0.01)
    assert line.startswith("busy: hci0: busy with connecting other meters")
    assert "\n" not in line
    assert in_another_thread("hci0", 60.0) == ""


def test_adapters_do_not_wait_for_each_other() -> None:
    with connecting("hci0"):
        assert in_another_thread("hci1", 60.0) == ""


def test_no_name_is_the_first_adapter() -> None:
    with connecting(""):
        assert in_another_thread(first_adapter(), 0.01) != ""


def test_a_thread_may_take_it_again() -> None:
    with connecting("hci0"), connecting("hci0"):
        assert in_another_thread("hci0", 0.01) != ""
    assert in_another_thread("hci0", 60.0) == ""


def test_a_failed_connection_lets_the_next_one_in() -> None:
    with pytest.raises(ZeroDivisionError), connecting("hci0"):
        raise ZeroDivisionError
    assert in_another_thread("hci0", 60.0) == ""


def test_many_threads_never_connect_at_once() -> None:
    inside, most = 0, 0
    guard = threading.Lock()

    def attempt() -> None:
        nonlocal inside, most
        for _ in range(200):
            with connecting("hci5"):
                with guard:
                    inside += 1
                    most = max(most, inside)
                with guard:
                    inside -= 1

    threads = [threading.Thread(target=attempt) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == 1
