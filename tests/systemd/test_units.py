"""The units as systemd's own tools see them, and what sysusers and tmpfiles make of theirs."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from support.rootfs import REPOSITORY, skip_or_fail

UNITS = REPOSITORY / "systemd"
INSTALLED = re.compile(r"/usr/local/bin/wattwatch|/usr/bin/rfcomm")
HIGHEST_EXPOSURE = 25  # of 100, as systemd-analyze's --threshold
SERVICES = ("wattwatch.service", "wattwatch-rfcomm@.service")


def systemd(tool: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    if shutil.which(tool) is None:
        skip_or_fail(f"{tool} is missing: sudo apt-get install systemd")
    return subprocess.run([tool, *arguments], capture_output=True, text=True, check=False, timeout=60)


@pytest.fixture(params=SERVICES)
def unit(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A unit, whose programs are there although nothing is installed."""
    name: str = request.param
    text, replaced = INSTALLED.subn("/bin/true", (UNITS / name).read_text())
    assert replaced
    (tmp_path / name).write_text(text)
    return tmp_path / name


def test_verify_finds_nothing_to_say(unit: Path) -> None:
    done = systemd("systemd-analyze", "verify", unit)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_verify_would_have_found_something(unit: Path) -> None:
    unit.write_text(unit.read_text().replace("[Service]", "[Service]\nRestartSteps=6x"))
    assert systemd("systemd-analyze", "verify", unit).stderr


def test_exposure_is_low(unit: Path) -> None:
    options = ("security", "--no-pager", "--offline=true", f"--threshold={HIGHEST_EXPOSURE}")
    done = systemd("systemd-analyze", *options, unit)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_backoff_of_newer_systemds_is_no_part_of_the_unit_that_older_ones_read() -> None:
    drop_in = (UNITS / "wattwatch.service.d/backoff.conf").read_text()
    for key in ("RestartSteps", "RestartMaxDelaySec"):
        assert f"{key}=" in drop_in
        assert f"{key}=" not in (UNITS / "wattwatch.service").read_text()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A root directory with nothing in it but root."""
    for name, line in (("passwd", "root:x:0:0::/root:/bin/sh"), ("group", "root:x:0:")):
        (tmp_path / "etc").mkdir(exist_ok=True)
        (tmp_path / "etc" / name).write_text(f"{line}\n")
    for kind in ("sysusers", "tmpfiles"):
        directory = tmp_path / f"usr/lib/{kind}.d"
        directory.mkdir(parents=True)
        shutil.copy(UNITS / f"wattwatch.{kind}", directory / "wattwatch.conf")
    return tmp_path


def made_users(root: Path) -> tuple[list[str], list[str]]:
    done = systemd("systemd-sysusers", f"--root={root}", "wattwatch.conf")
    assert done.returncode == 0, done.stderr
    passwd, group = ((root / "etc" / name).read_text().splitlines() for name in ("passwd", "group"))
    return [line for line in passwd if "wattwatch" in line], [line for line in group if "wattwatch" in line]


def test_the_group_has_the_gid_that_containers_carry(root: Path) -> None:
    (user,), (group,) = made_users(root)
    assert group == "wattwatch:x:9816:"
    assert user.split(":")[3:] == ["9816", "wattwatch daemon", "/var/lib/wattwatch", "/usr/sbin/nologin"]
    assert made_users(root) == ([user], [group])  # again changes nothing


def test_a_group_that_was_there_before_stays_as_it_is(root: Path) -> None:
    with (root / "etc/group").open("a") as file:
        file.write("wattwatch:x:777:ada\n")
    (user,), (group,) = made_users(root)
    assert group == "wattwatch:x:777:ada"
    assert user.split(":")[3] == "777"


def test_the_daemons_group_may_read_energy_counters_and_nobody_else(root: Path) -> None:
    """On a tree made after the kernel's Documentation/power/powercap; nothing of it was captured."""
    made_users(root)
    package = root / "sys/devices/virtual/powercap/intel-rapl/intel-rapl:0"
    counters = [package / "energy_uj", package / "intel-rapl:0:0/energy_uj"]
    counters[1].parent.mkdir(parents=True)
    for counter in (*counters, package / "max_energy_range_uj"):
        counter.write_text("5\n")
        counter.chmod(0o400)
    done = systemd("systemd-tmpfiles", f"--root={root}", "--create", "wattwatch.conf")
    if counters[0].stat().st_gid == 0 and "not permitted" in done.stderr:
        skip_or_fail("only root can give files away")
    assert [(each.stat().st_mode & 0o777, each.stat().st_gid) for each in counters] == [(0o440, 9816)] * 2
    assert (package / "max_energy_range_uj").stat().st_mode & 0o777 == 0o400


def test_installing_as_a_user_is_refused_in_one_line() -> None:
    """As any user sees it; root is tested in the container."""
    script = REPOSITORY / "tools/install.sh"
    text = script.read_text().replace("$(id -u)", "1000")
    done = subprocess.run(["sh", "-c", text, script, "install"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (1, "wattwatch: needs root: sudo make install\n")


def test_no_hole_but_those_that_were_decided(unit: Path) -> None:
    done = systemd("systemd-analyze", "security", "--offline=true", "--json=short", unit)
    open_ones = {row["json_field"] for row in json.loads(done.stdout) if row["set"] is False}
    assert open_ones <= {
        "RootDirectoryOrRootImage",
        "PrivateDevices",
        "PrivateNetwork",
        "PrivateUsers",
        "ProcSubset",
        "ProtectClock",
        "DeviceAllow",
        "IPAddressDeny",
        "RemoveIPC",
        "SystemCallFilter_clock",  # adjtimex, to ask
        "SystemCallFilter_privileged",  # chown, of the socket
        "UserOrDynamicUser",
        "PrivateMounts",
        "CapabilityBoundingSet_CAP_NET_ADMIN",
        "RestrictAddressFamilies_AF_UNIX",
        "RestrictAddressFamilies_AF_INET_INET6",
        "RestrictAddressFamilies_OTHER",
    }, open_ones
