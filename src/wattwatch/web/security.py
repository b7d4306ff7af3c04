"""What web.yml asks for, in force: TLS context, passwords, headers; read anew when its files change.

Go's toolkit reads its files at every request. Here they are looked at (identity, size and time of change)
at most every few seconds, when a connection or request comes in. Files that changed for the worse are
refused with one log line, and what was in force stays: a broken or half-written file neither ends the
service nor opens it. For the same reason a file that has lost TLS, client certificates or passwords
altogether is refused until a restart: an editor that empties the file before it writes must not open the
door for a moment.
"""

import ipaddress
import logging
import os
import ssl
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from wattwatch.errors import ConfigError, MissingExtra, WattwatchError
from wattwatch.web.buckets import TokenBuckets

if TYPE_CHECKING:
    from wattwatch.web.passwords import Passwords
    from wattwatch.web.web_config import WebConfig

logger = logging.getLogger(__name__)

_CHECK_SECONDS: Final = 3.0
_TOLD_AT_ONCE: Final = 5
_TELL_AGAIN_SECONDS: Final = 60.0
_Stamps = dict[Path, tuple[int, ...] | None]


@dataclass(frozen=True, slots=True)
class Secured:
    """What is in force for TCP; the Unix socket knows nothing of it."""

    context: ssl.SSLContext | None = None
    client_allowed_sans: tuple[str, ...] = ()
    passwords: "Passwords | None" = None
    headers: tuple[tuple[str, str], ...] = ()
    requests: TokenBuckets | None = None  # `rate_limit`, one key for all

    def check_client(self, certificate: Mapping[str, Any] | None) -> None:
        """ConnectionAbortedError if a verified client certificate has none of the allowed names."""
        if not has_allowed_name(certificate, self.client_allowed_sans):
            raise ConnectionAbortedError("its certificate has none of client_allowed_sans")

    def lost_since(self, before: "Secured") -> list[str]:
        """What protected before and would not any more."""
        lost = ["tls_server_config"] if before.context and not self.context else []
        if _asks_for_certificates(before.context) and not _asks_for_certificates(self.context):
            lost.append("client_auth_type")
        if before.client_allowed_sans and not self.client_allowed_sans:
            lost.append("client_allowed_sans")
        return lost + (["basic_auth_users"] if before.passwords and not self.passwords else [])


def _asks_for_certificates(context: ssl.SSLContext | None) -> bool:
    return context is not None and context.verify_mode is ssl.CERT_REQUIRED


class WebSecurity:
    """The web.yml at `file`; ConfigError or MissingExtra in one line if it cannot be put in force.

    `now` is a monotonic clock in seconds; `current` may be called from any thread.
    """

    def __init__(self, file: Path, now: Callable[[], float] = time.monotonic) -> None:
        self._file = file
        self._now = now
        self._lock = threading.Lock()
        self._told = TokenBuckets(_TOLD_AT_ONCE, _TELL_AGAIN_SECONDS, now)
        self._checked_at = now()
        self._stamps: _Stamps = {}
        self._secured = self._load()

    def current(self) -> Secured:
        """What is in force now."""
        if self._now() - self._checked_at >= _CHECK_SECONDS and self._lock.acquire(blocking=False):
            try:
                self._checked_at = self._now()
                self._look()
            finally:
                self._lock.release()
        return self._secured

    def note_failure(self, address: str, error: OSError) -> None:
        """Say why a client got no TLS connection; not for each of many."""
        if not self._told.take(""):
            said = " ".join(str(getattr(error, "reason", "") or error).split()) or type(error).__name__
            logger.warning("no TLS connection with %s: %s", address, said)

    def _look(self) -> None:
        stamps = _stamps(self._stamps)
        if stamps == self._stamps:
            return
        self._stamps = stamps  # whatever comes of it: a broken file is told of once
        try:
            secured = self._load()
            if lost := secured.lost_since(self._secured):
                raise ConfigError(f"{self._file}: {', '.join(lost)} is gone: restart to go on without")
        except WattwatchError as error:
            logger.warning("%s; what was in force stays", error)
        else:
            self._secured = secured
            logger.info("%s: changed, and in force from now on", self._file)

    def _load(self) -> Secured:
        self._stamps |= _stamps([self._file])  # before reading: a change meanwhile is seen at the next look
        with _extra():
            from wattwatch.web.web_config import read_web_config  # noqa: PLC0415 - needs PyYAML

            config = read_web_config(self._file)
            self._stamps = _stamps(config.files)
            return _secured(config, self._now)


def _secured(config: "WebConfig", now: Callable[[], float]) -> Secured:
    from wattwatch.web.tls import server_context  # noqa: PLC0415 - needs PyYAML, by its settings

    passwords = None
    if config.users:
        from wattwatch.web.passwords import Passwords  # noqa: PLC0415 - needs bcrypt

        passwords = Passwords(config.users)
    limit = config.rate_limit
    return Secured(
        None if config.tls is None else server_context(config.tls),
        () if config.tls is None else config.tls.client_allowed_sans,
        passwords,
        config.headers,
        None if limit is None else TokenBuckets(limit.burst, limit.interval_seconds, now),
    )


@contextmanager
def _extra() -> Iterator[None]:
    """Says which extra is missing, where a module of it cannot be imported."""
    try:
        yield
    except ModuleNotFoundError as error:
        cause = f"[server] web_config needs {error.name}: pip install 'wattwatch[web]'"
        raise MissingExtra(cause) from error


def _stamps(files: Iterable[Path]) -> _Stamps:
    return {file: _stamp(file) for file in files}


def _stamp(file: Path) -> tuple[int, ...] | None:
    """What changes when a file is written or replaced, links followed: Kubernetes swaps a directory."""
    try:
        status = os.stat(file)  # noqa: PTH116 - Path.stat makes a Path of every look
    except OSError:
        return None
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


def check_web_config(file: Path | None) -> None:
    """Nothing if a web.yml could be put in force, or none is configured; ConfigError or MissingExtra."""
    if file is not None:
        WebSecurity(file)


def has_allowed_name(certificate: Mapping[str, Any] | None, allowed: tuple[str, ...]) -> bool:
    """Whether a peer certificate (of `getpeercert`) carries one of the names, compared exactly.

    Without `allowed` every certificate that was verified is good.
    """
    if not allowed:
        return True
    names = (certificate or {}).get("subjectAltName", ())
    return any(_canonical(kind, value) in allowed for kind, value in names)


def _canonical(kind: str, value: str) -> str:
    """A name as Go writes it: OpenSSL prints IPv6 addresses in full."""
    if kind != "IP Address":
        return value
    try:
        return str(ipaddress.ip_address(value.strip()))
    except ValueError:
        return value
