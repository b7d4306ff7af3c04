"""Where a simulated meter is reached: a pseudo-terminal with a link, or a TCP port. One client at a time."""

import contextlib
import os
import select
import socket
import tempfile
import tty
from pathlib import Path
from typing import Final

from wattwatch.errors import ConfigError

_CHUNK_BYTES: Final = 4096


class PtyEndpoint:
    """A pseudo-terminal, reached by a symbolic link that stays the same when a hang-up makes a new one.

    Our clients lock the port, so a second one finds it busy.
    """

    def __init__(self, link: Path | None = None) -> None:
        """`link` must not exist, or be a symbolic link; without one it is made in a temporary directory."""
        self._directory = None if link else tempfile.TemporaryDirectory(prefix="wattwatch-simulated-")
        self._link = link or Path(self._directory.name if self._directory else "") / "meter"
        self._descriptors: tuple[int, int] | None = None

    @property
    def url(self) -> str:
        """What to give as `url` of the source."""
        return str(self._link)

    def plug(self) -> None:
        """Make the port appear; ConfigError if the link cannot be made."""
        if self._descriptors is not None:
            return
        master, slave = os.openpty()
        # Holding the slave open too lets clients come and go without a hang-up on our side.
        self._descriptors = (master, slave)
        tty.setraw(slave)
        os.set_blocking(master, False)
        try:
            self._point_link(os.ttyname(slave))
        except OSError as error:
            self.unplug()
            raise ConfigError(
                f"--pty {self._link}: {error.strerror}: choose a path that can be made"
            ) from error

    def unplug(self) -> None:
        """Make the port vanish: its client sees a hang-up."""
        if self._descriptors is None:
            return
        with contextlib.suppress(OSError):  # no link, or a file that is not ours
            if self._link.readlink() == Path(os.ttyname(self._descriptors[1])):
                self._link.unlink()
        for descriptor in self._descriptors:
            os.close(descriptor)
        self._descriptors = None

    def close(self) -> None:
        """Remove port and link."""
        self.unplug()
        if self._directory is not None:
            self._directory.cleanup()

    def receive(self, wake: socket.socket, timeout_seconds: float) -> bytes:
        """What a client wrote; empty when the time is over or `wake` was rung."""
        if self._descriptors is None:
            select.select([wake], [], [], timeout_seconds)
            return b""
        master = self._descriptors[0]
        ready, _, _ = select.select([master, wake.fileno()], [], [], timeout_seconds)
        with contextlib.suppress(BlockingIOError):
            return os.read(master, _CHUNK_BYTES) if master in ready else b""
        return b""

    def send(self, data: bytes) -> None:
        """Write to the client; what nobody reads is lost, as on the air."""
        if self._descriptors is not None:
            with contextlib.suppress(BlockingIOError):
                os.write(self._descriptors[0], data)

    def _point_link(self, target: str) -> None:
        if self._link.exists() and not self._link.is_symlink():
            raise FileExistsError(17, "a file of that name exists and is not a link")
        fresh = self._link.with_name(f".{self._link.name}.{os.getpid()}")
        fresh.unlink(missing_ok=True)
        fresh.symlink_to(target)
        fresh.replace(self._link)


class TcpEndpoint:
    """A TCP port; a second client is let in and put out at once, as is everybody during a hang-up."""

    def __init__(self, host: str, port: int) -> None:
        self._address = (host, port)
        self._listener: socket.socket | None = None
        self._client: socket.socket | None = None
        self._plugged = False

    @property
    def url(self) -> str:
        """What to give as `url` of the source."""
        host, port = self._address
        return f"socket://{f'[{host}]' if ':' in host else host}:{port}"

    def plug(self) -> None:
        """Let clients in; the first time, take the port: ConfigError if it cannot be had."""
        if self._listener is None:
            family = socket.AF_INET6 if ":" in self._address[0] else socket.AF_INET
            try:
                self._listener = socket.create_server(self._address, family=family)
            except OSError as error:
                host, port = self._address
                raise ConfigError(
                    f"--listen {host}:{port}: {error.strerror or error}: choose another port, 0 for any"
                ) from error
            self._address = self._listener.getsockname()[:2]
        self._plugged = True

    def unplug(self) -> None:
        """Put the client out; nobody stays connected until plugged again."""
        self._plugged = False
        self._drop_client()

    def close(self) -> None:
        """Give the port back."""
        self.unplug()
        if self._listener is not None:
            self._listener.close()
            self._listener = None

    def receive(self, wake: socket.socket, timeout_seconds: float) -> bytes:
        """What the client wrote; empty when the time is over or `wake` was rung."""
        watched = [s for s in (self._listener, self._client, wake) if s is not None]
        ready, _, _ = select.select(watched, [], [], timeout_seconds)
        data = self._from_client() if self._client in ready else b""
        if self._listener in ready:
            self._admit()
        return data

    def send(self, data: bytes) -> None:
        """Write to the client; what nobody takes is lost, as on the air."""
        if self._client is None:
            return
        try:
            self._client.send(data)
        except BlockingIOError:
            return
        except OSError:
            self._drop_client()

    def _admit(self) -> None:
        assert self._listener is not None  # noqa: S101 - it has just been ready
        with contextlib.suppress(OSError):
            client, _ = self._listener.accept()
            if self._client is not None or not self._plugged:
                client.close()
                return
            client.setblocking(False)  # noqa: FBT003 - the standard library's
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._client = client

    def _from_client(self) -> bytes:
        assert self._client is not None  # noqa: S101 - it has just been ready
        try:
            data = self._client.recv(_CHUNK_BYTES)
        except OSError:
            data = b""
        if not data:
            self._drop_client()
        return data

    def _drop_client(self) -> None:
        if self._client is not None:
            self._client.close()
            self._client = None


Endpoint = PtyEndpoint | TcpEndpoint
