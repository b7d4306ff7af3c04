"""The pyserial transport on real pseudo-terminals, sockets and RFC 2217; and its error lines."""

import contextlib
import errno
import fcntl
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import serial
import serial.rfc2217

from support.um_frames import frame
from support.um_ports import answering, flooding, hanging_up, pty_port, silent
from wattwatch.clock import SystemClock
from wattwatch.errors import SourceUnavailable, SourceUnsupported
from wattwatch.reading import seconds_between
from wattwatch.sources import open_source
from wattwatch.sources.base import UmSpec
from wattwatch.sources.um.serial import SerialTransport, open_serial
from wattwatch.sources.um.serial_errors import explain_open

GOOD = frame()
F0 = b"\xf0"


@contextlib.contextmanager
def opened(url: str) -> Iterator[SerialTransport]:
    transport = open_serial(url, SystemClock())
    try:
        yield transport
    finally:
        transport.close()


def reason_of_opening(url: str) -> tuple[str, str]:
    with pytest.raises(SourceUnavailable) as caught:
        open_serial(url, SystemClock())
    assert "\n" not in str(caught.value)
    return caught.value.reason, str(caught.value)


def test_an_exchange_over_a_pty_is_stamped_in_order() -> None:
    with pty_port(answering(GOOD)) as url, opened(url) as transport:
        for _ in range(3):
            reply = transport.exchange(F0, 130, 2.0)
            assert reply.data == GOOD
            assert seconds_between(reply.written_at, reply.first_byte_at) >= 0


def test_fragments_are_put_together() -> None:
    def drip(master: int, received: bytes) -> None:
        for start in range(0, 130, 20 * len(received)):
            os.write(master, GOOD[start : start + 20])
            time.sleep(0.002)  # the pieces must leave apart, as notifications do

    with pty_port(drip) as url, opened(url) as transport:
        assert transport.exchange(F0, 130, 2.0).data == GOOD


def test_an_empty_request_reads_on_without_writing_or_dropping() -> None:
    received_in_all = []

    def behave(master: int, received: bytes) -> None:
        received_in_all.append(received)
        os.write(master, b"xyz" + GOOD)

    with pty_port(behave) as url, opened(url) as transport:
        first = transport.exchange(F0, 130, 2.0).data
        assert first + transport.exchange(b"", 3, 2.0).data == b"xyz" + GOOD
    assert received_in_all == [F0]


def test_what_came_before_a_request_is_dropped() -> None:
    with pty_port(answering(b"s" * 3000 + GOOD, GOOD)) as url, opened(url) as transport:
        assert transport.exchange(F0, 1, 2.0).data == b"s"
        assert transport.exchange(b"", 2500, 2.0).data == b"s" * 2500
        assert transport.exchange(F0, 130, 2.0).data == GOOD


def test_a_deadline_cuts_off_what_is_late_and_gives_what_came() -> None:
    with pty_port(answering(GOOD[:60])) as url, opened(url) as transport:
        assert transport.exchange(F0, 130, 0.2).data == GOOD[:60]


def test_silence_is_a_timeout() -> None:
    with pty_port(silent) as url, opened(url) as transport:
        with pytest.raises(SourceUnavailable, match="no answer") as caught:
            transport.exchange(F0, 130, 0.1)
        assert caught.value.reason == "timeout"


def test_a_hang_up_is_seen_as_one_and_at_once() -> None:
    with pty_port(hanging_up) as url, opened(url) as transport:
        with pytest.raises(SourceUnavailable, match="connection was lost") as caught:
            transport.exchange(F0, 130, 60.0)  # far beyond the test's own time limit would it wait
        assert caught.value.reason == "hangup"


@pytest.mark.parametrize("noise", [b"\0" * 512, b"\x09\x63" * 256, b"$GPGGA,123519\r\n"])
def test_garbage_for_ever_is_told_as_that(noise: bytes) -> None:
    with pty_port(flooding(noise)) as url:
        meter = open_source(UmSpec(url=url, deadline_seconds=1.0), SystemClock())
        for _ in range(2):
            with pytest.raises(SourceUnavailable) as caught:
                meter.read()
            assert caught.value.reason in {"garbage", "invalid"}
            assert "\n" not in str(caught.value)
        meter.close()


def test_without_pyserial_the_extra_is_named() -> None:
    program = (
        "import sys; sys.modules['serial'] = None\n"
        "from wattwatch.clock import SystemClock\n"
        "from wattwatch.errors import MissingExtra\n"
        "from wattwatch.sources import open_source\n"
        "from wattwatch.sources.base import UmSpec\n"
        "for _ in range(2):\n"
        "    try: open_source(UmSpec(url='/dev/rfcomm0'), SystemClock())\n"
        "    except MissingExtra as error: print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.count("pip install 'wattwatch[serial]'") == 2


@pytest.mark.parametrize("module", ["meter", "simulator_server", "capture"])
def test_pyserial_psutil_and_click_are_not_imported_by(module: str) -> None:
    heavy = {"serial", "psutil", "click"}
    program = f"import sys, wattwatch.sources.um.{module}; print(*{heavy} & {{*sys.modules}})"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


def test_close_from_another_thread_ends_a_blocked_exchange() -> None:
    with pty_port(silent) as url, opened(url) as transport:
        reasons = []

        def exchange() -> None:
            try:
                transport.exchange(F0, 130, 1000.0)
            except SourceUnavailable as error:
                reasons.append(error.reason)

        thread = threading.Thread(target=exchange)
        thread.start()
        transport.close()
        thread.join(60)
        assert not thread.is_alive()
        assert reasons == ["hangup"]
        transport.close()


def test_a_missing_port_says_what_to_do() -> None:
    assert reason_of_opening("/dev/rfcomm7")[0] == "absent"
    assert "sudo rfcomm bind 7" in reason_of_opening("/dev/rfcomm7")[1]
    assert "is it plugged in" in reason_of_opening("/nowhere/ttyUSB9")[1]


def test_a_port_held_by_another_program_says_so() -> None:
    hold = (
        "import fcntl, sys; f = open(sys.argv[1]); fcntl.flock(f, fcntl.LOCK_EX); print(1, flush=1); input()"
    )
    with pty_port(answering(GOOD)) as url:
        holder = subprocess.Popen(
            [sys.executable, "-c", hold, url], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        with holder:
            assert holder.stdout is not None
            assert holder.stdin is not None
            holder.stdout.readline()
            reason, text = reason_of_opening(url)
            holder.stdin.close()
        assert reason == "busy"
        assert f"fuser {url}" in text
        with opened(url) as transport:  # and it is free again when the other ends
            assert transport.exchange(F0, 130, 2.0).data == GOOD


def test_our_own_second_connection_is_refused_and_the_first_lives() -> None:
    with pty_port(answering(GOOD)) as url, opened(url) as transport:
        assert reason_of_opening(url)[0] == "busy"
        assert transport.exchange(F0, 130, 2.0).data == GOOD


def test_a_closed_port_is_unlocked() -> None:
    with pty_port(answering(GOOD)) as url:
        open_serial(url, SystemClock()).close()
        with Path(url).open("rb") as port:
            fcntl.flock(port, fcntl.LOCK_EX | fcntl.LOCK_NB)


@pytest.mark.parametrize(
    ("number", "reason", "words"),
    [
        (errno.EACCES, "permission", "sudo usermod -aG dialout $USER"),
        (errno.EPERM, "permission", "permission denied"),
        (errno.EBUSY, "busy", "held by another program"),
        (errno.EAGAIN, "busy", "held by another program"),
        (errno.ENODEV, "absent", "no such port"),
        (errno.EHOSTDOWN, "absent", "nobody answers"),
        (errno.EIO, "io", "cannot be opened"),
    ],
)
def test_the_kernels_errors_become_ours(number: int, reason: str, words: str) -> None:
    error = explain_open("/dev/rfcomm9", serial.SerialException(number, os.strerror(number)))
    assert isinstance(error, SourceUnavailable)
    assert error.reason == reason
    assert words in str(error)
    assert "\n" not in str(error)


def test_permission_names_the_group_that_owns_the_port(tmp_path: Path) -> None:
    port = tmp_path / "port"
    port.touch()
    denied = PermissionError(errno.EACCES, "Permission denied")
    try:
        os.chown(port, -1, 20)  # dialout has gid 20 on Debian
    except PermissionError:
        pytest.skip("only root may give a file to another group")
    assert "belongs to group dialout" in str(explain_open(str(port), denied))
    os.chown(port, -1, 0)
    assert f"sudo chgrp dialout {port}" in str(explain_open(str(port), denied))


@pytest.mark.parametrize("url", ["nosuch://x", "socket://nowhere", "/dev/null"])
def test_what_is_no_port_is_said_once(url: str) -> None:
    with pytest.raises(SourceUnsupported, match="not a serial port"):
        open_serial(url, SystemClock())


def test_a_device_that_refuses_for_a_moment_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    refusals = [serial.SerialException(errno.EBUSY, "busy")] * 2
    real_open = serial.Serial.open

    def refuse_at_first(port: serial.Serial) -> None:
        if refusals:
            raise refusals.pop()
        real_open(port)

    monkeypatch.setattr(serial.Serial, "open", refuse_at_first)
    with pty_port(answering(GOOD)) as url, opened(url) as transport:
        assert transport.exchange(F0, 130, 2.0).data == GOOD


class TestSocket:
    @pytest.fixture
    def listener(self) -> Iterator[socket.socket]:
        with socket.create_server(("127.0.0.1", 0)) as server:
            yield server

    @staticmethod
    def url(listener: socket.socket) -> str:
        return f"socket://127.0.0.1:{listener.getsockname()[1]}"

    def test_an_exchange(self, listener: socket.socket) -> None:
        with opened(self.url(listener)) as transport:
            peer, _ = listener.accept()
            with peer:
                peer.sendall(b"stale")
                answer = threading.Thread(target=answer_once, args=(peer,))
                # The stale bytes are in our socket's buffer once they can be looked at.
                wait_for(lambda: transport._port.in_waiting)
                answer.start()
                assert transport.exchange(F0, 130, 5.0).data == GOOD
                answer.join()

    def test_a_peer_that_goes_is_a_hang_up(self, listener: socket.socket) -> None:
        with opened(self.url(listener)) as transport:
            listener.accept()[0].close()
            with pytest.raises(SourceUnavailable) as caught:
                transport.exchange(F0, 130, 60.0)
            assert caught.value.reason == "hangup"

    def test_a_reset_leaves_no_socket_open(self, listener: socket.socket) -> None:
        with opened(self.url(listener)) as transport:
            peer, _ = listener.accept()
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
            peer.close()
            with pytest.raises(SourceUnavailable):
                transport.exchange(F0, 130, 60.0)
        # A leaked socket would be a ResourceWarning, which is an error here.

    def test_nobody_listening(self, listener: socket.socket) -> None:
        url = self.url(listener)
        listener.close()
        reason, text = reason_of_opening(url)
        assert reason == "absent"
        assert "check host and port" in text


def answer_once(peer: socket.socket) -> None:
    assert peer.recv(1) == F0
    peer.sendall(GOOD)


def wait_for(condition: Any) -> None:
    give_up_at = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < give_up_at
        time.sleep(0.005)


class ModemlessPort(serial.Serial):
    """A pseudo-terminal has no modem lines, and PortManager asks for them."""

    cts = dsr = cd = True
    ri = False

    def _update_dtr_state(self) -> None: ...
    def _update_rts_state(self) -> None: ...
    def _update_break_state(self) -> None: ...


def serve_rfc2217(listener: socket.socket, port_name: str) -> None:
    """One client of an RFC 2217 server over a serial port, as ser2net or pyserial's example serve it."""
    peer, _ = listener.accept()
    with peer, ModemlessPort(port_name, timeout=0.01) as port:
        writer = peer.makefile("wb", buffering=0)
        manager = serial.rfc2217.PortManager(port, writer)  # type: ignore[arg-type] # stubs want Serial twice
        peer.settimeout(0.01)
        with writer:
            while True:
                with contextlib.suppress(TimeoutError):
                    received = peer.recv(1024)
                    if not received:
                        return
                    port.write(b"".join(manager.filter(received)))
                if data := port.read(200):
                    writer.write(b"".join(manager.escape(data)))


@pytest.mark.filterwarnings("ignore:set.*is deprecated:DeprecationWarning")  # pyserial 3.5 and its threads
class TestRfc2217:
    def test_exchanges_and_a_server_that_goes(self) -> None:
        escaped = frame(counts={0: (0xFFFFFFFF, 0xFF00FF)})  # FF is what telnet has to double
        with pty_port(answering(GOOD, escaped)) as name, socket.create_server(("127.0.0.1", 0)) as listener:
            server = threading.Thread(target=serve_rfc2217, args=(listener, name))
            server.start()
            with opened(f"rfc2217://127.0.0.1:{listener.getsockname()[1]}") as transport:
                assert transport.exchange(F0, 130, 5.0).data == GOOD
                assert transport.exchange(F0, 130, 5.0).data == escaped
                transport._port._socket.shutdown(  # type: ignore[attr-defined] # of rfc2217's class
                    socket.SHUT_RDWR
                )
                server.join()
                with pytest.raises(SourceUnavailable) as caught:
                    transport.exchange(F0, 130, 60.0)
                assert caught.value.reason == "hangup"

    def test_a_plain_tcp_server_is_told_apart(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            url = f"rfc2217://127.0.0.1:{listener.getsockname()[1]}?timeout=0.2"
            reason, text = reason_of_opening(url)
        assert reason == "io"
        assert "socket://HOST:PORT" in text
