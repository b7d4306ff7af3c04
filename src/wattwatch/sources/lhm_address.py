"""Where a LibreHardwareMonitor is: a URL from which nothing but sensors can be read."""

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

_PORTS: Final = {"http": 8085, "https": 443}
_FILE: Final = "/data.json"
_PATH: Final = re.compile(r"(?:/[A-Za-z0-9._~-]+)*/data\.json")
# Its server looks for these words anywhere in a path, and then sets a fan or forgets the extremes
# (LibreHardwareMonitor: HttpServer.cs, HandleContextAsync).
_COMMANDS: Final = ("sensor", "resetallminmax", "images_icon")


@dataclass(frozen=True, slots=True)
class LhmAddress:
    """Host, port and path of a data.json."""

    host: str
    port: int
    path: str
    encrypted: bool = False

    def __str__(self) -> str:
        return f"{'https' if self.encrypted else 'http'}://{self.host}:{self.port}{self.path}"


def lhm_address(url: str) -> LhmAddress:
    """The address of a URL; ValueError unless it is a plain http(s) one whose path ends in /data.json."""
    try:
        parts = urlsplit(url)
        port = parts.port or _PORTS.get(parts.scheme, 0)
    except ValueError as error:
        raise _wrong(url, str(error)) from error
    if parts.scheme not in _PORTS or not parts.hostname:
        raise _wrong(url, "it is no http address")
    if parts.username is not None or parts.password is not None:
        raise _wrong(url, "a password belongs in password_file, its user in user")
    path = _FILE if parts.path in ("", "/") else parts.path
    lowered = path.lower()
    if not _PATH.fullmatch(path) or any(word in lowered for word in _COMMANDS):
        raise _wrong(url, f"its path is not {_FILE}, and nothing else is ever asked for")
    if "?" in url or "#" in url:
        raise _wrong(url, f"nothing may follow {_FILE}")
    return LhmAddress(parts.hostname, port, path, parts.scheme == "https")


def _wrong(url: str, cause: str) -> ValueError:
    return ValueError(f"expected http://host:8085{_FILE}, got {url[:100]!r}: {cause}")
