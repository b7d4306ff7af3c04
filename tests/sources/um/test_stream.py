"""The exchange on a connected socket: the same contract as over a serial port, on real socket pairs."""

import select
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.um_frames import frame
from wattwatch.clock import SystemClock
from wattwatch.errors import SourceUnavailable
from wattwatch.reading import seconds_between
from wattwatch.sources.um.stream import StreamTransport

GOOD = frame()
F0 = b"\xf0"
PLACE = "00:15:A6:01:AA:BB by test"
Behaviour = Callable[[socket.socket, bytes], None]


@contextmanager
def peer(behave: Behaviour) -> Iterator[StreamTransport]:
    """A transport whose other end answers each request as told, until either side hangs up."""
    ours, theirs = socket.socketpair()

    def run() -> None:
        # A peer that is closed with bytes still unread answers the next recv with ECONNRESET: also a hang-up.
        with theirs, suppress(ConnectionResetError, EOFError):
            while received := theirs.recv(4096):
                behave(theirs, received)

    thread = threading.Thread(target=run)
    thread.start()
    transport = StreamTransport(ours, PLACE, SystemClock())
    try:
        yield transport
    finally:
        transport.close()
        thread.join()


def answering(answer: bytes) -> Behaviour:
    return lambda theirs, received: theirs.sendall(answer * len(received))


def silent(theirs: socket.socket, received: bytes) -> None:
    del theirs, received


def hanging_up(theirs: socket.socket, received: bytes) -> None:
    raise EOFError(theirs, received)


def refusal(transport: StreamTransport, deadline_seconds: float, reply_bytes: int = 130) -> SourceUnavailable:
    with pytest.raises(SourceUnavailable) as caught:
        transport.exchange(F0, reply_bytes, deadline_seconds)
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith(PLACE)
    return caught.value


def test_an_exchange_is_stamped_in_order_and_says_that_it_was_answered() -> None:
    with peer(answering(GOOD)) as transport:
        assert not transport.has_answered
        for _ in range(3):
            reply = transport.exchange(F0, 130, 60.0)
            assert reply.data == GOOD
            assert seconds_between(reply.written_at, reply.first_byte_at) >= 0
        assert transport.has_answered


@given(st.lists(st.integers(1, 129), max_size=8, unique=True).map(sorted))
@settings(max_examples=30, deadline=None)
def test_pieces_are_put_together_wherever_they_are_cut(cuts: list[int]) -> None:
    def drip(theirs: socket.socket, received: bytes) -> None:
        del received
        for start, end in zip([0, *cuts], [*cuts, 130], strict=True):
            theirs.sendall(GOOD[start:end])

    with peer(drip) as transport:
        assert transport.exchange(F0, 130, 60.0).data == GOOD


def test_an_empty_request_reads_on_without_writing_or_dropping() -> None:
    with peer(answering(b"xyz" + GOOD)) as transport:
        first = transport.exchange(F0, 130, 60.0).data
        assert first + transport.exchange(b"", 3, 60.0).data == b"xyz" + GOOD


def test_what_came_before_a_request_is_dropped() -> None:
    ours, theirs = socket.socketpair()
    transport = StreamTransport(ours, PLACE, SystemClock())
    theirs.sendall(b"stale" * 100)
    select.select([ours], [], [])
    thread = threading.Thread(target=lambda: theirs.sendall(GOOD) if theirs.recv(1) == F0 else None)
    thread.start()
    assert transport.exchange(F0, 130, 60.0).data == GOOD
    thread.join()
    transport.close()
    theirs.close()


def test_a_command_without_an_answer_is_not_waited_for() -> None:
    with peer(silent) as transport:
        reply = transport.exchange(b"\xf3", 0, 60.0)
        assert reply.data == b""
        assert reply.written_at == reply.first_byte_at
        assert not transport.has_answered


def test_a_deadline_cuts_off_what_is_late_and_gives_what_came() -> None:
    with peer(answering(GOOD[:60])) as transport:
        assert transport.exchange(F0, 130, 0.1).data == GOOD[:60]


def test_silence_is_a_timeout() -> None:
    with peer(silent) as transport:
        error = refusal(transport, 0.05)
    assert error.reason == "timeout"
    assert "no answer" in str(error)


def test_a_hang_up_is_seen_at_once() -> None:
    with peer(hanging_up) as transport:
        assert refusal(transport, 600.0).reason == "hangup"


def test_a_peer_that_is_gone_already_is_a_hang_up() -> None:
    ours, theirs = socket.socketpair()
    transport = StreamTransport(ours, PLACE, SystemClock())
    theirs.close()
    assert refusal(transport, 600.0).reason == "hangup"
    transport.close()


def test_a_peer_that_takes_no_bytes_is_a_timeout() -> None:
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    while select.select([], [ours], [], 0)[1]:
        ours.send(b"\0" * 65536)
    transport = StreamTransport(ours, PLACE, SystemClock())
    error = refusal(transport, 0.05)
    assert error.reason == "timeout"
    assert "takes no bytes" in str(error)
    transport.close()
    theirs.close()


def test_a_flood_is_not_waited_out() -> None:
    ended = threading.Event()

    def flood(theirs: socket.socket, received: bytes) -> None:
        del received
        while not ended.is_set():
            try:
                theirs.sendall(b"\x55" * 4096)
            except OSError as error:
                raise EOFError from error

    with peer(flood) as transport:
        for _ in range(3):
            assert len(transport.exchange(F0, 130, 60.0).data) == 130
        ended.set()


def test_a_close_from_another_thread_ends_an_exchange_and_is_told_from_a_lost_meter() -> None:
    with peer(silent) as transport:
        errors: list[SourceUnavailable] = []
        thread = threading.Thread(target=lambda: errors.append(refusal(transport, 600.0)))
        thread.start()
        while not transport._exchanging.locked():
            time.sleep(0.001)
        transport.close()
        thread.join()
    assert [error.reason for error in errors] == ["hangup"]
    assert "closed while reading" in str(errors[0])


def test_closing_ends_the_connection_for_every_duplicate_once() -> None:
    ours, theirs = socket.socketpair()
    duplicate = ours.dup()
    closings: list[int] = []
    transport = StreamTransport(ours, PLACE, SystemClock(), lambda: closings.append(1))
    transport.close()
    transport.close()
    assert theirs.recv(1) == b""
    assert closings == [1]
    assert refusal(transport, 600.0).reason == "hangup"
    duplicate.close()
    theirs.close()
