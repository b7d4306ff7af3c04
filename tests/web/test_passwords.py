"""Passwords: bcrypt once for each, one at a time; what is remembered is no password."""

import threading

import bcrypt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.tls import HASH, PASSWORD
from wattwatch.web.passwords import Passwords, TooBusy


class Counted:
    """Counts what goes through bcrypt, and how much of it at a time; can be held up."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.seen: list[tuple[bytes, bytes]] = []
        self.most_at_once = 0
        self.go_on = threading.Event()
        self.go_on.set()
        self._now = 0
        self._check = bcrypt.checkpw
        monkeypatch.setattr(bcrypt, "checkpw", self)

    def __call__(self, password: bytes, stored: bytes) -> bool:
        self._now += 1
        self.most_at_once = max(self.most_at_once, self._now)
        self.seen.append((password, stored))
        self.go_on.wait(20)
        good = self._check(password, stored)
        self._now -= 1
        return good


@pytest.fixture(name="counted")
def _counted(monkeypatch: pytest.MonkeyPatch) -> Counted:
    return Counted(monkeypatch)


def test_a_good_password_costs_bcrypt_once(counted: Counted) -> None:
    passwords = Passwords({"alice": HASH})
    assert all(passwords.are_good("alice", PASSWORD.encode()) for _ in range(5))
    assert len(counted.seen) == 1


def test_a_wrong_one_is_never_remembered_and_does_not_push_out_the_good(counted: Counted) -> None:
    passwords = Passwords({"alice": HASH})
    assert passwords.are_good("alice", PASSWORD.encode())
    assert not any(passwords.are_good("alice", b"wrong") for _ in range(3))
    assert passwords.are_good("alice", PASSWORD.encode())
    assert len(counted.seen) == 4


@pytest.mark.parametrize("cost", [4, 6])
def test_an_unknown_user_costs_as_much_as_a_known_one(counted: Counted, cost: int) -> None:
    strong = bcrypt.hashpw(b"x", bcrypt.gensalt(cost)).decode()
    passwords = Passwords({"alice": HASH, "root": strong})
    assert not passwords.are_good("nobody", PASSWORD.encode())
    ((_, stored),) = counted.seen
    assert stored.startswith(b"$2b$%02d$" % cost)
    assert bcrypt.hashpw(b"x", stored)[:29] == stored[:29]  # it is one that bcrypt really works through


def test_nothing_remembered_is_the_password_or_the_same_elsewhere() -> None:
    one, other = Passwords({"alice": HASH}), Passwords({"alice": HASH})
    for passwords in (one, other):
        assert passwords.are_good("alice", PASSWORD.encode())
    assert one._verified != other._verified
    assert PASSWORD.encode() not in repr(vars(one)).encode()


@pytest.mark.parametrize("letter", ["2a", "2b", "2y", "2x", "2"])
def test_the_letters_of_other_programs_mean_the_same(letter: str) -> None:
    passwords = Passwords({"alice": HASH.replace("$2b$", f"${letter}$")})
    assert passwords.are_good("alice", PASSWORD.encode())


def test_more_than_bcrypt_looks_at_is_cut_off_as_go_does() -> None:
    long = b"a" * 72
    passwords = Passwords({"alice": bcrypt.hashpw(long, bcrypt.gensalt(4)).decode()})
    assert passwords.are_good("alice", long + b"more")
    assert not passwords.are_good("alice", long[:-1])


def test_one_bcrypt_at_a_time_and_nobody_waits_for_ever(counted: Counted) -> None:
    passwords = Passwords({"alice": HASH}, wait_seconds=0.05)
    counted.go_on.clear()
    first = threading.Thread(target=passwords.are_good, args=("alice", b"wrong"))
    first.start()
    while not counted.seen:
        pass
    with pytest.raises(TooBusy):
        passwords.are_good("alice", b"wrong too")
    counted.go_on.set()
    first.join()
    assert counted.most_at_once == 1
    assert passwords.are_good("alice", PASSWORD.encode())  # the lock is free again


@settings(max_examples=40, deadline=None)
@given(st.text(max_size=10), st.binary(max_size=90))
def test_no_other_name_or_password_is_good(name: str, password: bytes) -> None:
    passwords = Passwords({"alice": HASH})
    assert passwords.are_good(name, password) is (name == "alice" and password == PASSWORD.encode())
