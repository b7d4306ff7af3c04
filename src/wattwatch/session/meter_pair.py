"""Behind `wattwatch meters pair`."""

from collections.abc import Callable, Iterator

from wattwatch.errors import ConfigError
from wattwatch.session.meter_place import bluetooth_address


def pair_meter(text: str, pin: str, adapter: str, say: Callable[[str], None]) -> Iterator[str]:
    """Pair with the meter of an address and trust it; yields what to tell.

    ConfigError if the text is no address, MissingExtra, SourceUnavailable with what to do.
    """
    address = bluetooth_address(text)
    if address is None:
        raise ConfigError(f"{text!r} is no Bluetooth address: expected one such as 00:15:A6:01:AA:BB")
    from wattwatch.sources.um.pairing import PairingRequest, pair  # noqa: PLC0415 - dbus-fast only here

    paired = pair(PairingRequest(address, pin, adapter), say)
    name = f"{paired.name} ({address})" if paired.name else address
    if paired.was_paired:
        yield f"{name}: already paired" + (" and trusted" if paired.was_trusted else "; trusted now")
    else:
        yield f"{name}: paired and trusted"
    if not paired.is_first_adapter:
        yield f'this is not the first adapter: put adapter = "{paired.adapter}" beside its address'
    yield f"next: wattwatch read {address}"
