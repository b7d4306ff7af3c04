"""What went wrong with a Bluetooth link, in one line with the next step: the kernel's errors and BlueZ's."""

import errno
from typing import Final

from wattwatch.errors import SourceError, SourceUnavailable, SourceUnsupported
from wattwatch.sources.um.links import LINKS_PER_ADAPTER

POWER_ON: Final = "sudo rfkill unblock bluetooth, then bluetoothctl power on"

# The kernel's bt_to_errno: which errno stands for which of the controller's refusals.
_AWAY: Final = {errno.EHOSTDOWN, errno.ETIMEDOUT, errno.ECONNABORTED, errno.ECONNRESET, errno.EIO}
_UNPAIRED: Final = {errno.EACCES, errno.EPERM, errno.EBADE, errno.EKEYREJECTED}
_NO_ADAPTER: Final = {errno.EHOSTUNREACH, errno.ENETDOWN, errno.ENETUNREACH}
_NO_SUCH_ADAPTER: Final = {errno.ENODEV, errno.EADDRNOTAVAIL}
_REFUSED: Final = {errno.EBUSY, errno.ECONNREFUSED, errno.EALREADY}
_FULL: Final = {errno.EMLINK, errno.EUSERS}


def no_answer(place: str) -> SourceUnavailable:
    """The error to raise when a link is open, but not one byte came back."""
    return SourceUnavailable(
        f"{place}: connected, but no answer: is this a UM meter? wattwatch meters lists them", "timeout"
    )


def away(place: str) -> SourceUnavailable:
    """The error to raise when nobody answers on the air."""
    return SourceUnavailable(
        f"{place}: does not answer: is the meter on (it runs from the supply that it measures), near, and "
        "not connected to a phone or another program? It takes one connection only",
        "absent",
    )


def unpaired(place: str, address: str) -> SourceUnavailable:
    """The error to raise when the meter or the adapter wants a pairing that is not there."""
    return SourceUnavailable(f"{place}: not paired: wattwatch meters pair {address}", "permission")


def adapter_off(place: str, adapter: str) -> SourceUnavailable:
    """The error to raise when the adapter, "" if it is not known which, is switched off."""
    which = f"adapter {adapter}" if adapter else "adapter"
    return SourceUnavailable(f"{place}: the Bluetooth {which} is off: {POWER_ON}", "absent")


def no_adapter(place: str, adapter: str = "") -> SourceUnavailable:
    """The error to raise when there is no adapter at all, or not the one that is wanted."""
    if adapter:
        line = f"there is no Bluetooth adapter {adapter}: wattwatch meters shows those that exist"
    else:
        line = f"there is no Bluetooth adapter that is on: {POWER_ON}; wattwatch meters shows what is missing"
    return SourceUnavailable(f"{place}: {line}", "absent")


def held(place: str, otherwise: str = "") -> SourceUnavailable:
    """The error to raise when the meter is there but refuses: it serves one client at a time."""
    return SourceUnavailable(
        f"{place}: refuses the connection: disconnect the phone or program that holds the meter{otherwise}",
        "busy",
    )


def all_refused(place: str) -> SourceUnavailable:
    """The error to raise when a meter refuses by RFCOMM: the channel may be another one, too."""
    return held(place, ", or set its channel in the configuration")


def explain_no_socket(error: OSError) -> SourceError:
    """The error to raise when the kernel gives no RFCOMM socket."""
    if error.errno == errno.EAFNOSUPPORT:
        return SourceUnsupported(
            "Bluetooth sockets do not exist here: in a container set hostNetwork: true (docker: "
            '--network host), or mount /run/dbus and set transport = "bluez"'
        )
    if error.errno in {errno.EPROTONOSUPPORT, errno.ESOCKTNOSUPPORT}:
        return SourceUnsupported(
            'the kernel has no RFCOMM: sudo modprobe rfcomm, or set transport = "bluez" or "ble"'
        )
    if error.errno in {errno.EACCES, errno.EPERM}:
        return SourceUnavailable(
            "Bluetooth sockets are forbidden here: allow AF_BLUETOOTH (systemd: RestrictAddressFamilies, "
            "containers: seccomp or AppArmor)",
            "permission",
        )
    return SourceUnavailable(f"no Bluetooth socket ({error.strerror}): free memory or descriptors", "io")


def explain_connect(place: str, address: str, adapter: str, error: OSError) -> SourceError:
    """The error to raise when an RFCOMM connection could not be made."""
    number = error.errno
    if isinstance(error, TimeoutError) or number in _AWAY:
        return away(place)
    if number in _UNPAIRED:
        return unpaired(place, address)
    if number in _NO_ADAPTER:
        return no_adapter(place)
    if number in _NO_SUCH_ADAPTER:
        return no_adapter(place, adapter)
    return _explain_refusal(place, error)


def _explain_refusal(place: str, error: OSError) -> SourceUnavailable:
    if error.errno in _REFUSED:
        return all_refused(place)
    if error.errno in _FULL:
        return SourceUnavailable(
            f"{place}: the adapter has no room for another link: at most {LINKS_PER_ADAPTER} meters an "
            "adapter; add a second one",
            "busy",
        )
    return SourceUnavailable(
        f"{place}: cannot be connected ({error.strerror or error}): switch the meter off and on, "
        "then bluetoothctl power off and bluetoothctl power on",
        "io",
    )
