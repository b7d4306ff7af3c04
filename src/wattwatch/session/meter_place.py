"""Where a meter is, as a user types it; and whether a running daemon reads it already."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from wattwatch.client import Client, find_socket
from wattwatch.errors import ClientError, ConfigError
from wattwatch.sources.base import UmSpec, UmTransport

METER_TYPES: Final = frozenset({"um24c", "um25c", "um34c"})
_ADDRESS: Final = re.compile(r"[0-9A-Fa-f]{2}([:-][0-9A-Fa-f]{2}){5}")


def bluetooth_address(text: str) -> str | None:
    """The address in its usual form (00:15:A6:01:AA:BB); None if the text is none."""
    return text.upper().replace("-", ":") if _ADDRESS.fullmatch(text) else None


def meter_spec(place: str, transport: UmTransport = "auto") -> UmSpec:
    """The specification of the meter at a Bluetooth address, port or pyserial URL; ConfigError if it is none.

    A path that does not exist is taken: opening it says what is missing.
    """
    if (address := bluetooth_address(place)) is not None:
        return UmSpec(address=address, transport=transport)
    if "://" in place or "/" in place:
        return UmSpec(url=place)
    raise ConfigError(
        f"{place!r} is no meter's place: give a Bluetooth address such as 00:15:A6:01:AA:BB, a port such as "
        "/dev/rfcomm0, or a URL such as socket://HOST:PORT (wattwatch meters shows what there is)"
    )


@dataclass(frozen=True, slots=True)
class HeldMeter:
    """A meter that a daemon reads: its source there."""

    client: Client
    name: str

    def source(self) -> dict[str, Any]:
        """The source as the daemon shows it now; ClientError if it has it no more."""
        for source in self.client.get_json("/v1/sources")["sources"]:
            if source["name"] == self.name:
                found: dict[str, Any] = source
                return found
        raise ClientError(f"the daemon has no source {self.name} any more: run the command again")


def held_meters(environment: Mapping[str, str], socket: Path | None) -> tuple[Client | None, list[Any]]:
    """The daemon that runs, and its sources that are meters; None and nothing where none runs.

    ClientError for a daemon that refuses us: whether it holds a meter cannot be told then.
    """
    try:
        found = find_socket(environment, socket)
    except ClientError as error:
        # The socket of a daemon that was killed: nobody is there to hold a meter.
        if isinstance(error.__cause__, ConnectionRefusedError) and socket is None:
            return None, []
        raise
    if found is None:
        return None, []
    client = Client(f"unix:{found}")
    sources = client.get_json("/v1/sources")["sources"]
    return client, [source for source in sources if source["type"] in METER_TYPES]


def held_meter(environment: Mapping[str, str], socket: Path | None, spec: UmSpec) -> HeldMeter | None:
    """The meter of a specification in the running daemon, None if it does not read that one; ClientError."""
    client, sources = held_meters(environment, socket)
    for source in sources:
        if client is not None and is_at(spec, source["detail"]):
            return HeldMeter(client, source["name"])
    return None


def is_at(spec: UmSpec, detail: str) -> bool:
    """Whether a source's detail, such as `UM24C at /dev/rfcomm0`, names the place of a specification."""
    words = [word.strip("(),;") for word in detail.split()]
    if spec.address:
        return spec.address in map(bluetooth_address, words)
    wanted = _same_place(spec.url)
    return any(_same_place(word) == wanted for word in words)


def _same_place(url: str) -> str:
    """A port under its real name: /dev/serial/by-id/... and /dev/ttyUSB0 are one."""
    return url if "://" in url or "/" not in url else str(Path(url).resolve())
