"""Small kernel files, and what their errors mean."""

import errno
import os
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.sysfs_tree import FaultyKernel
from wattwatch.errors import SourceUnavailable, SourceUnsupported
from wattwatch.reading import Quality
from wattwatch.sources.sysfs import (
    KernelFiles,
    integer_or,
    name_from,
    numbered,
    read_integer,
    read_text,
    sensor_quality,
    text_or,
)


def test_text_comes_without_its_newline(tmp_path: Path) -> None:
    (tmp_path / "type").write_bytes(b"cpu-thermal\xff\n")
    assert read_text(tmp_path / "type") == "cpu-thermal\ufffd"


def test_integers_may_be_negative(tmp_path: Path) -> None:
    (tmp_path / "temp").write_text("-1500\n")
    assert read_integer(tmp_path / "temp") == -1500


@pytest.mark.parametrize("text", ["", "warm", "1.5", "12 34", "9" * 400, "9" * 5000])
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


def test_what_is_good_to_know_only_has_a_default(tmp_path: Path) -> None:
    (tmp_path / "range").write_text("nonsense\n")
    assert text_or(tmp_path / "name", "nobody") == "nobody"
    assert integer_or(tmp_path / "range", 7) == 7
    assert (text_or(tmp_path / "range"), integer_or(tmp_path / "absent", 0)) == ("nonsense", 0)


def test_folders_are_in_the_order_of_their_numbers() -> None:
    names = ["hwmon10", "hwmon2", "BAT0", "AC", "hwmon1"]
    assert [folder.name for folder in numbered(map(Path, names))] == [
        "AC",
        "BAT0",
        "hwmon1",
        "hwmon2",
        "hwmon10",
    ]


@given(st.text(max_size=30))
def test_a_name_can_be_part_of_a_channel(text: str) -> None:
    assert not set(name_from(text)) & set(' /"\\\n')
    assert name_from(name_from(text)) == name_from(text)


def test_a_sensor_of_a_made_up_machine_is_simulated() -> None:
    assert sensor_quality(simulated=True) is Quality.SIMULATED
    assert sensor_quality(simulated=False) is Quality.SENSOR


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


class Kernel(FaultyKernel):
    def files(self) -> KernelFiles:
        return KernelFiles(self.open_file, self.read_at)


@pytest.fixture
def kernel() -> Kernel:
    return Kernel()


@pytest.fixture
def temp(tmp_path: Path) -> Path:
    path = tmp_path / "temp"
    path.write_text("48312\n")
    return path


def test_a_file_is_opened_once_and_read_anew_each_time(kernel: Kernel, temp: Path) -> None:
    files = kernel.files()
    for number in (5, -12345, 9):  # shorter than before, too
        temp.write_text(f"{number}\n")
        assert files.integer(str(temp)) == number
        assert files.text(str(temp)) == str(number)
    assert kernel.opened == [str(temp)]


@pytest.mark.parametrize("error", [errno.ENODEV, errno.ESTALE])
def test_a_file_of_a_device_that_went_is_opened_anew_by_its_path(
    kernel: Kernel, temp: Path, error: int
) -> None:
    files = kernel.files()
    files.integer(str(temp))
    kernel.read_errors["temp"] = error
    with pytest.raises(SourceUnavailable) as caught:
        files.integer(str(temp))
    assert caught.value.reason == "absent"
    assert len(kernel.opened) == 2
    kernel.read_errors.clear()
    assert files.integer(str(temp)) == 48312


def test_a_file_that_was_replaced_is_the_new_one(kernel: Kernel, temp: Path) -> None:
    files = kernel.files()
    files.integer(str(temp))
    temp.with_name("new").write_text("1\n")
    temp.with_name("new").rename(temp)
    assert files.integer(str(temp)) == 1
    temp.unlink()
    with pytest.raises(SourceUnavailable, match="temp does not exist") as caught:
        files.integer(str(temp))
    assert caught.value.reason == "absent"
    temp.write_text("2\n")
    assert files.integer(str(temp)) == 2


@pytest.mark.parametrize("error", [errno.EAGAIN, errno.EIO, errno.ENODATA])
def test_a_driver_that_fails_keeps_its_file_open(kernel: Kernel, temp: Path, error: int) -> None:
    files = kernel.files()
    files.integer(str(temp))
    kernel.read_errors["temp"] = error
    with pytest.raises(SourceUnavailable, match=errno.errorcode[error]) as caught:
        files.integer(str(temp))
    assert caught.value.reason == "io"
    kernel.read_errors.clear()
    assert files.integer(str(temp)) == 48312
    assert len(kernel.opened) == 1


@pytest.mark.parametrize("error", [errno.EACCES, errno.EPERM])
def test_a_file_that_may_not_be_opened_is_forbidden_until_it_may(
    kernel: Kernel, temp: Path, error: int
) -> None:
    files = kernel.files()
    kernel.open_errors["temp"] = error
    with pytest.raises(SourceUnavailable, match="permission denied") as caught:
        files.integer(str(temp))
    assert caught.value.reason == "permission"
    kernel.open_errors.clear()
    assert files.integer(str(temp)) == 48312


@pytest.mark.parametrize("text", ["", "warm", "1.5", "12 34"])
def test_an_open_file_without_an_integer_may_have_one_later(kernel: Kernel, temp: Path, text: str) -> None:
    temp.write_text(text)
    files = kernel.files()
    with pytest.raises(SourceUnavailable, match="not a whole number") as caught:
        files.integer(str(temp))
    assert caught.value.reason == "invalid"


def test_no_descriptor_is_left(kernel: Kernel, temp: Path) -> None:
    files = kernel.files()
    before = open_files()
    for _ in range(50):
        files.integer(str(temp))
        temp.with_name("new").write_text("1\n")
        temp.with_name("new").rename(temp)
    files.close()
    files.close()
    assert open_files() == before


def test_closing_does_not_wait_for_a_read_that_hangs(temp: Path) -> None:
    reading, go_on = threading.Event(), threading.Event()

    def hang(descriptor: int, size_bytes: int, offset: int) -> bytes:
        reading.set()
        assert go_on.wait(10)
        return os.pread(descriptor, size_bytes, offset)

    files = KernelFiles(read_at=hang)
    before = open_files()
    values: list[int] = []
    thread = threading.Thread(target=lambda: values.append(files.integer(str(temp))))
    thread.start()
    assert reading.wait(10)
    files.close()  # returns at once; a descriptor closed under the read could be another file's by now
    assert open_files() == before + 1
    go_on.set()
    thread.join(10)
    assert values == [48312]
    assert open_files() == before
