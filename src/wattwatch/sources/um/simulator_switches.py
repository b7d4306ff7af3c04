"""What buttons and command bytes change in a simulated meter. Measuring sends none of them.

Says for itself what each byte means, so that `wattwatch meters set` is tested against something of its own.
"""

from dataclasses import dataclass
from typing import Final

from wattwatch.sources.um.protocol import GROUPS, UM24C, Model

CLEAR_GROUP: Final = 0xF4
_NEXT_SCREEN: Final = 0xF1
_NEXT_GROUP_OR_PREVIOUS_SCREEN: Final = 0xF3  # group on a UM24C, screen on the others
_SELECT_GROUP: Final = range(0xA0, 0xA0 + GROUPS)
_THRESHOLD: Final = range(0xB0, 0xCF)  # 0.00 to 0.30 A
_BACKLIGHT: Final = range(0xD0, 0xD6)
_SCREEN_TIMEOUT: Final = range(0xE0, 0xF0)
_SCREENS: Final = 6


@dataclass(slots=True)
class Switches:
    """The settings of a meter that a user can change."""

    group: int = 0
    screen: int = 0
    threshold_centiamperes: int = 3
    screen_timeout_minutes: int = 3
    backlight: int = 5

    def obey(self, byte: int, model: Model) -> None:
        """Do what a command byte says to that model; any other is taken silently, as by the real ones."""
        if byte in {_NEXT_SCREEN, _NEXT_GROUP_OR_PREVIOUS_SCREEN}:
            self._press(byte, model)
        elif byte in _SELECT_GROUP and model is not UM24C:
            self.group = byte - _SELECT_GROUP.start
        elif byte in _THRESHOLD:
            self.threshold_centiamperes = byte - _THRESHOLD.start
        elif byte in _BACKLIGHT:
            self.backlight = byte - _BACKLIGHT.start
        elif byte in _SCREEN_TIMEOUT:
            self.screen_timeout_minutes = byte - _SCREEN_TIMEOUT.start

    def _press(self, byte: int, model: Model) -> None:
        if byte == _NEXT_SCREEN:
            self.screen = (self.screen + 1) % _SCREENS
        elif model is UM24C:
            self.group = (self.group + 1) % GROUPS
        else:
            self.screen = (self.screen - 1) % _SCREENS
