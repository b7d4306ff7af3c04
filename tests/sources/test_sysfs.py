"""Small kernel files, and what their errors mean."""

import os
from pathlib import Path

import pytest

from wattwatch.errors import SourceUnavailable, SourceUnsupported
from wattwatch.sources.sysfs import read_integer, read_text


def test_text_comes_without_its_newline(tmp_path: Path) -> None:
    (tmp_path / "type").write_bytes(b"cpu-thermal\xff\n")
    assert read_text(tmp_path / "type") == "cpu-thermal\ufffd"


def test_integers_may_be_negative(tmp_path: Path) -> None:
    (tmp_path / "temp").write_text("-1500\n")
    assert read_integer(tmp_path / "temp") == -1500


@pytest.mark.parametrize("text", ["", "warm", "1.5", "12 34"])
def test_what_is_no_integer_may_be_one_later(tmp_path: Path, text: str) -> None:
    (tmp_path / "temp").write_text(text)
    with pytest.raises(SourceUnavailable, match="not a whole number") as caught:
        read_integer(tmp_path / "temp")
    assert caught.value.reason == "invalid"


def test_an_absent_file_will_never_come(tmp_path: Path) -> None:
    with pytest.raises(SourceUnsupported, match="does not exist"):
        read_text(tmp_path / "temp")


def test_a_file_that_cannot_be_read_now_is_named_with_its_error(tmp_path: Path) -> None:
    with pytest.raises(SourceUnavailable, match=f"{tmp_path}: EISDIR"):
        read_text(tmp_path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_forbidden_file_says_so(tmp_path: Path) -> None:
    (tmp_path / "temp").write_text("1")
    (tmp_path / "temp").chmod(0)
    with pytest.raises(SourceUnavailable, match="permission denied") as caught:
        read_text(tmp_path / "temp")
    assert caught.value.reason == "permission"
