"""Passwords of web.yml, checked with bcrypt once and remembered as keyed hashes.

bcrypt takes tens to hundreds of milliseconds on purpose: paid at every scrape it would cost more than all
the measuring, and paid for many guesses at a time it would take the computer away from what is measured. So
a good password is remembered, one bcrypt runs at a time, and an unknown user costs as much as a known one.
"""

import hmac
import os
import threading
from collections.abc import Mapping
from typing import Final

import bcrypt

_KEY_BYTES: Final = 32
_LONGEST_BYTES: Final = 72  # bcrypt looks at no more; Go's cuts the rest off, Python's refuses
_COST: Final = slice(4, 6)  # of `$2b$10$...`
_WAIT_SECONDS: Final = 5.0


class TooBusy(Exception):  # noqa: N818 - a state, not a fault
    """Too many passwords are waiting to be checked; try again in a few seconds."""


class Passwords:
    """Users and their bcrypt hashes; callable from any thread."""

    def __init__(self, users: Mapping[str, str], wait_seconds: float = _WAIT_SECONDS) -> None:
        self._hashes = {name: _normal(text) for name, text in users.items()}
        self._wait_seconds = wait_seconds
        self._key = os.urandom(_KEY_BYTES)  # of this process alone: what is remembered is of no use elsewhere
        self._verified: dict[str, bytes] = {}  # one for every user at most
        self._hashing = threading.Lock()
        cost = max((text[_COST] for text in self._hashes.values()), default=b"10")
        self._nobody = b"$2b$" + cost + b"$" + b"." * 53

    def are_good(self, name: str, password: bytes) -> bool:
        """Whether a user has this password; TooBusy if that cannot be found out now."""
        stored = self._hashes.get(name)
        digest = hmac.digest(self._key, (stored or self._nobody) + password, "sha256")
        if stored is not None and hmac.compare_digest(self._verified.get(name, b""), digest):
            return True
        good = self._bcrypt(password, stored or self._nobody) and stored is not None
        if good:
            self._verified[name] = digest
        return good

    def _bcrypt(self, password: bytes, stored: bytes) -> bool:
        if not self._hashing.acquire(timeout=self._wait_seconds):
            raise TooBusy
        try:
            return bcrypt.checkpw(password[:_LONGEST_BYTES], stored)
        except ValueError:  # a hash that only looks like one
            return False
        finally:
            self._hashing.release()


def _normal(text: str) -> bytes:
    """A hash with the letter that every bcrypt knows: 2y is what PHP and htpasswd call 2b."""
    return b"$2b$" + text.encode("ascii").removeprefix(b"$2").lstrip(b"abxy").removeprefix(b"$")
