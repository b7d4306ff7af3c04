"""`web.yml`: TLS, passwords and headers in the format of Prometheus' exporter-toolkit.

Reference: https://github.com/prometheus/exporter-toolkit/blob/master/docs/web-configuration.md

All keys of that format are known. What Python's ssl cannot do as it stands there is refused, never done by
halves. `http2` is taken as what it is, leave to use HTTP/2: this server speaks HTTP/1.1, which every client
of such a server understands. `X-Content-Type-Options: nosniff` is always sent.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from wattwatch.errors import ConfigError
from wattwatch.units import seconds_from_text
from wattwatch.web.yaml_section import Section, read_yaml, shown

_SECTIONS: Final = ("tls_server_config", "http_server_config", "basic_auth_users", "rate_limit")
_TLS_KEYS: Final = (
    "cert", "key", "client_ca", "cert_file", "key_file", "client_auth_type", "client_ca_file",
    "client_allowed_sans", "min_version", "max_version", "cipher_suites", "prefer_server_cipher_suites",
    "curve_preferences",
)  # fmt: skip
_HEADERS: Final[Mapping[str, tuple[str, ...]]] = {
    "Content-Security-Policy": (),
    "X-Frame-Options": ("deny", "sameorigin"),
    "X-Content-Type-Options": ("nosniff",),
    "X-XSS-Protection": (),
    "Strict-Transport-Security": (),
}
"""Headers that may be set, and their values where only some make sense: the toolkit's own lists."""

_ALWAYS_SENT: Final = "X-Content-Type-Options"
_BCRYPT: Final = re.compile(r"\$2[abxy]?\$([0-9]{2})\$[./A-Za-z0-9]{53}")
_BCRYPT_COSTS: Final = range(4, 17)  # above, one login takes a Raspberry Pi more than ten seconds
_MOST_BURST_DIGITS: Final = 9
_LONGEST_INTERVAL_SECONDS: Final = 30 * 86400.0
_HEADER_VALUE: Final = re.compile(r"[\x20-\x7e\xa0-\xff]*")


@dataclass(frozen=True, slots=True)
class Pem:
    """A certificate or key: in a file, which is read anew whenever it is asked for, or written out."""

    where: str  # `web.yml: tls_server_config.cert_file`, for error lines
    file: Path | None = None
    text: str = ""

    def read(self) -> bytes:
        """The PEM bytes; ConfigError if the file cannot be read."""
        if self.file is None:
            return self.text.encode()
        try:
            return self.file.read_bytes()
        except OSError as error:
            raise ConfigError(f"{self.where}: {self.file} cannot be read: {error.strerror}") from error


@dataclass(frozen=True, slots=True)
class TlsSettings:
    """`tls_server_config`, names as in the file; checked for what needs no certificate."""

    where: str  # `web.yml: tls_server_config`
    cert: Pem
    key: Pem
    client_ca: Pem | None = None
    client_auth_type: str = "NoClientCert"
    client_allowed_sans: tuple[str, ...] = ()
    min_version: str = "TLS12"
    max_version: str = "TLS13"
    cipher_suites: tuple[str, ...] = ()
    prefer_server_cipher_suites: bool = True
    curve_preferences: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RateLimit:
    """`rate_limit`: one request every `interval_seconds` over TCP, `burst` at once."""

    interval_seconds: float
    burst: int


@dataclass(frozen=True, slots=True)
class WebConfig:
    """A whole web.yml."""

    file: Path
    tls: TlsSettings | None = None
    headers: tuple[tuple[str, str], ...] = ()
    users: Mapping[str, str] = field(default_factory=dict)  # bcrypt hash by name
    rate_limit: RateLimit | None = None

    @property
    def files(self) -> tuple[Path, ...]:
        """Every file whose change changes the configuration."""
        tls = self.tls
        pems = () if tls is None else (tls.cert, tls.key, tls.client_ca)
        return (self.file, *(pem.file for pem in pems if pem is not None and pem.file is not None))


def read_web_config(file: Path) -> WebConfig:
    """The configuration in a web.yml; ConfigError is one line with file and key."""
    root = Section(file, "", read_yaml(file) or {}, _SECTIONS)
    return WebConfig(
        file,
        _tls(file, root.section("tls_server_config", _TLS_KEYS)),
        _headers(root.section("http_server_config", ("http2", "headers"))),
        _users(root.section("basic_auth_users")),
        _rate_limit(root.section("rate_limit", ("interval", "burst"))),
    )


def _tls(file: Path, section: Section) -> TlsSettings | None:
    if not section.content:
        return None
    cert, key = _pem(file, section, "cert"), _pem(file, section, "key")
    for name, pem in (("cert_file", cert), ("key_file", key)):
        if pem is None:
            raise section.error(name, "is missing: TLS needs a certificate and its key")
    assert cert is not None  # noqa: S101 - for mypy: said above
    assert key is not None  # noqa: S101 - the same
    return TlsSettings(
        f"{file}: tls_server_config",
        cert,
        key,
        _pem(file, section, "client_ca"),
        section.text("client_auth_type") or "NoClientCert",
        section.texts("client_allowed_sans"),
        section.text("min_version") or "TLS12",
        section.text("max_version") or "TLS13",
        section.texts("cipher_suites"),
        section.flag("prefer_server_cipher_suites", default=True),
        section.texts("curve_preferences"),
    )


def _pem(file: Path, section: Section, name: str) -> Pem | None:
    """What `cert` or `cert_file` says; relative paths are relative to web.yml."""
    path, text = section.text(f"{name}_file"), section.text(name)
    if path and text:
        raise section.error(name, f"stands there beside {name}_file: keep one of them")
    if path:
        return Pem(f"{file}: tls_server_config.{name}_file", file.parent / path)
    return Pem(f"{file}: tls_server_config.{name}", None, text) if text else None


def _headers(section: Section) -> tuple[tuple[str, str], ...]:
    section.flag("http2", default=True)
    headers = section.section("headers", _HEADERS)
    found = []
    for name, allowed in _HEADERS.items():
        if value := headers.text(name):
            if allowed:
                headers.one_of(name, value, dict.fromkeys(allowed))
            if not _HEADER_VALUE.fullmatch(value):
                raise headers.error(name, "holds a character that no header may hold")
            if name != _ALWAYS_SENT:
                found.append((name, value))
    return tuple(found)


def _users(section: Section) -> dict[str, str]:
    users = {}
    for name in section.content:
        if ":" in name or not name:
            raise section.error(name, "a user's name is not empty and has no colon")
        match = _BCRYPT.fullmatch(section.text(name))
        if match is None:
            raise section.error(
                name, "expected a bcrypt hash, as `htpasswd -nBC 10 NAME` prints after the colon"
            )
        if int(match[1]) not in _BCRYPT_COSTS:
            most = _BCRYPT_COSTS[-1]
            raise section.error(name, f"bcrypt cost {int(match[1])}: expected {_BCRYPT_COSTS[0]} to {most}")
        users[name] = match[0]
    return users


def _rate_limit(section: Section) -> RateLimit | None:
    interval, burst = section.text("interval"), section.text("burst")
    if burst and not (burst.isascii() and burst.isdecimal() and len(burst) <= _MOST_BURST_DIGITS):
        raise section.error("burst", f"expected a whole number, got {shown(burst)}")
    if interval in {"", "0", "0s"}:
        return None
    try:
        seconds = seconds_from_text(interval)
    except ValueError as error:
        raise section.error("interval", str(error)) from error
    if seconds > _LONGEST_INTERVAL_SECONDS:
        raise section.error("interval", "expected 30d at most")
    if not int(burst or 0):
        raise section.error("burst", "is missing: how many requests may come at once, at least 1")
    return RateLimit(seconds, int(burst)) if seconds > 0 else None
