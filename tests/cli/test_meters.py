"""`wattwatch read` and `wattwatch meters` as processes: a simulated meter, a real daemon, a fake BlueZ."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.daemon_process import Home, MeterProcess, until
from support.fake_bluez import FakeBlueZ
from support.fake_bluez_device import Gatt

METER = "00:15:A6:01:AA:BB"
OTHER = "00:15:A6:01:AA:CC"


@pytest.fixture(scope="module")
def meter(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MeterProcess]:
    with MeterProcess(tmp_path_factory.mktemp("m"), "constant") as process:
        yield process


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """No daemon, no Bluetooth: what a command finds there is what the test puts there."""
    made = Home(tmp_path / "h")
    made.environment["DBUS_SYSTEM_BUS_ADDRESS"] = f"unix:path={tmp_path}/no-bus"
    return made


def bluetooth_home(tmp_path: Path, bluez: FakeBlueZ) -> Home:
    made = Home(tmp_path / "h")
    made.environment["DBUS_SYSTEM_BUS_ADDRESS"] = bluez.address
    return made


# -- read ---------------------------------------------------------------------------------------------------


def test_a_meter_is_read_once(home: Home, meter: MeterProcess) -> None:
    done = home.run_alone("read", meter.url)
    assert done.stdout.startswith(f"UM24C at {meter.url} (a pseudo-terminal: simulated, or bridged)\n")
    assert "  voltage          5.11 V\n" in done.stdout
    assert (done.stderr, done.returncode) == ("", 0)
    shown = json.loads(home.run_alone("read", meter.url, "--json").stdout)
    assert shown["power_watts"] == pytest.approx(5.0, rel=0.01)
    assert shown["frame"]["model"] == "UM24C"


@pytest.mark.parametrize("as_json", [False, True])
def test_following_prints_a_line_for_each_frame_until_it_is_stopped(
    home: Home, meter: MeterProcess, *, as_json: bool
) -> None:
    command = home.command("read", meter.url, "--follow", *(("--json",) if as_json else ()))
    with subprocess.Popen(
        command, env=home.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        lines = [process.stdout.readline() for _ in range(3)]
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 130
        assert process.stderr.read().strip() == ""
    if as_json:
        instants = [json.loads(line)["at"] for line in lines]
        assert instants == sorted(set(instants))
    else:
        assert all("  group 0: " in line for line in lines)


@pytest.mark.parametrize(
    ("place", "status", "words"),
    [
        ("nowhere", 2, "give a Bluetooth address such as"),
        ("/nonexistent/rfcomm7", 1, "no such port"),
        ("socket://127.0.0.1:1", 1, "nobody answers"),
        (METER, 1, "there is no system D-Bus"),
    ],
)
def test_what_cannot_be_read_is_one_line(home: Home, place: str, status: int, words: str) -> None:
    done = home.run_alone("read", place, "--transport", "bluez")
    assert (done.returncode, done.stdout) == (status, "")
    assert words in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_meter_that_the_daemon_holds_is_shown_by_the_daemon_and_not_changed(
    tmp_path: Path, meter: MeterProcess
) -> None:
    home = Home(tmp_path / "h", meter.url)
    with home.daemon() as daemon:
        daemon.ready()

        def shown() -> subprocess.CompletedProcess[str] | None:
            done = home.run("read", meter.url)
            return done if done.returncode == 0 else None

        done: subprocess.CompletedProcess[str] = until(shown, 20, "a first reading")
        head = f"SIMULATED UM24C at {meter.url}, from the daemon (source meter), which holds it\n"
        assert done.stdout.startswith(head)
        view = json.loads(home.run("read", meter.url, "--json").stdout)
        assert (view["held_by"], view["simulated"], view["frame"]) == ("meter", True, None)
        assert view["power_watts"] == pytest.approx(5.0, rel=0.01)
        assert view["group_energy_joules"] > 0
        refused = home.run("meters", "set", meter.url, "--backlight", "1")
        assert refused.returncode == 1
        assert "stop it first" in refused.stderr
        listed = json.loads(home.run("meters", "--no-scan", "--json").stdout)
        (daemons,) = [check for check in listed["checks"] if check["name"] == "daemon"]
        assert daemons["says"] == "runs and reads meter"


def test_a_daemon_that_gets_nothing_from_its_meter_says_why(tmp_path: Path) -> None:
    url = str(tmp_path / "gone")
    home = Home(tmp_path / "h", url)
    with home.daemon() as daemon:
        daemon.ready()

        def refused() -> str | None:
            done = home.run("read", url)
            assert done.returncode == 1
            return done.stderr if "no such port" in done.stderr else None

        assert "the daemon holds this meter (source meter) but gets nothing" in until(refused, 20, "why")


# -- meters -------------------------------------------------------------------------------------------------


def test_without_bluetooth_or_bus_it_says_so_and_lists_ports_all_the_same(home: Home) -> None:
    done = home.run_alone("meters", "--seconds", "1")
    assert done.returncode == 0
    assert "no system D-Bus" in done.stdout
    assert "-> sudo apt install dbus" in done.stdout
    assert "Serial ports:" in done.stdout
    assert "no meter found" in done.stdout
    assert done.stderr == ""


def test_meters_are_found_and_what_to_do_next_is_said(tmp_path: Path) -> None:
    with FakeBlueZ() as bluez:
        home = bluetooth_home(tmp_path, bluez)
        bluez.add_device(address=METER)
        bluez.add_device(address=OTHER, name="UM25C", paired=False, known=False)
        done = home.run_alone("meters", "--seconds", "1.2")
        assert "looking for Bluetooth devices for 1.2 s" in done.stderr
        assert f"heard UM25C ({OTHER})" in done.stderr
        assert f"  {METER}  UM24C  hci0     spp   yes     yes      -6" in done.stdout
        assert f"-> wattwatch meters pair {OTHER}\n" in done.stdout
        following = done.stdout.partition("Next:\n")[2]
        assert f"  wattwatch read {METER}\n  wattwatch meters pair {OTHER}\n" in following
        assert f'    address = "{METER}"\n' in following
        report = json.loads(home.run_alone("meters", "--no-scan", "--json").stdout)
        assert [found["address"] for found in report["meters"]] == [METER]
        assert report["meters"][0]["rssi_dbm"] is None
        assert {check["state"] for check in report["checks"] if check["name"] == "bluetoothd"} == {"ok"}


def test_the_configuration_that_it_proposes_is_one(tmp_path: Path) -> None:
    with FakeBlueZ() as bluez:
        home = bluetooth_home(tmp_path, bluez)
        bluez.add_device(address=METER)
        lines = home.run_alone("meters", "--no-scan").stdout.partition("restart the daemon:\n")[2]
    proposed = tmp_path / "proposed.toml"
    proposed.write_text(lines)
    assert home.run_alone("check-config", str(proposed)).returncode == 0


def test_what_is_off_is_to_be_mended_first(tmp_path: Path) -> None:
    with FakeBlueZ() as bluez:
        home = bluetooth_home(tmp_path, bluez)
        bluez.add_device(address=METER)
        bluez.set_powered(False)
        done = home.run_alone("meters")
    assert done.stderr == ""
    assert "mend what is a problem above first" in done.stdout.partition("Next:\n")[2].splitlines()[0]
    assert "adapter hci0" in done.stdout.partition("Next:\n")[2].splitlines()[0]


def test_pairing_reading_and_setting_a_meter(tmp_path: Path) -> None:
    with FakeBlueZ() as bluez:
        home = bluetooth_home(tmp_path, bluez)
        meter = bluez.add_device(address=METER, name="UM25C", model="UM25C", paired=False, known=False)
        paired = home.run_alone("meters", "pair", METER)
        assert paired.stdout == f"UM25C ({METER}): paired and trusted\nnext: wattwatch read {METER}\n"
        assert f"{METER} is not known yet" in paired.stderr
        again = home.run_alone("meters", "pair", METER.lower().replace(":", "-"))
        assert again.stdout.startswith(f"UM25C ({METER}): already paired and trusted\n")
        shown = home.run_alone("read", METER, "--transport", "bluez")
        assert shown.stdout.startswith(f"UM25C at {METER} by bluez\n"), shown.stderr
        done = home.run_alone(
            "meters", "set", METER, "--transport", "bluez", "--group", "3", "--screen-timeout", "0"
        )
        assert done.stdout.splitlines()[1] == "screen timeout never: was 3 min, now never"
        assert set(meter.received) == {0xF0, 0xA3, 0xE0}


def test_a_meter_of_another_adapter_than_the_first_has_it_named(tmp_path: Path) -> None:
    with FakeBlueZ(("hci0", "hci1")) as bluez:
        home = bluetooth_home(tmp_path, bluez)
        bluez.add_device(address=METER, adapter="hci1", paired=False)
        paired = home.run_alone("meters", "pair", METER)
        assert 'adapter = "hci1" beside its address' in paired.stdout
        proposed = home.run_alone("meters", "--no-scan").stdout.partition("restart the daemon:\n")[2]
        assert 'adapter = "hci1"' in proposed
        bluez.set_powered(False, "hci0")
        assert "hci1" not in home.run_alone("meters", "pair", METER).stdout
        assert 'adapter = "' not in home.run_alone("meters", "--no-scan").stdout


def test_a_meter_by_low_energy_needs_no_pairing(tmp_path: Path) -> None:
    with FakeBlueZ() as bluez:
        home = bluetooth_home(tmp_path, bluez)
        bluez.add_device(address=METER, name="E-test BLE", spp=False, paired=False, gatt=Gatt.WRAPPED)
        shown = home.run_alone("read", METER, "--transport", "ble")
        assert shown.stdout.startswith(f"UM24C at {METER} by ble\n"), shown.stderr
        assert shown.stderr == ""


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (("pair", "UM24C"), 2, "is no Bluetooth address"),
        (("pair", METER), 1, "no system D-Bus"),
        (("set", "/nonexistent/port"), 2, "nothing to change"),
        (("set", "/nonexistent/port", "--group", "1"), 1, "no such port"),
        (("set", "/nonexistent/port", "--reset-group"), 2, "give --yes"),
        (("set", "/nonexistent/port", "--group", "10"), 2, "--group"),
        (("set", "/nonexistent/port", "--record-threshold", "nan"), 2, "--record-threshold"),
    ],
)
def test_wrong_usage_and_absent_meters_are_one_line(
    home: Home, arguments: tuple[str, ...], status: int, words: str
) -> None:
    done = subprocess.run(
        home.command("meters", *arguments),
        env=home.environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stdout) == (status, "")
    assert words in done.stderr
    assert len(done.stderr.splitlines()) == 1


# -- set ----------------------------------------------------------------------------------------------------


def answered(home: Home, answer: str, *arguments: str) -> tuple[int, str]:
    """Exit status and everything shown of a command at a terminal that types an answer."""
    child, terminal = os.forkpty()
    if child == 0:
        os.execvpe(sys.executable, home.command(*arguments), home.environment)  # noqa: S606 - no shell is meant
    text = b""
    os.write(terminal, f"{answer}\n".encode())
    while True:
        try:
            piece = os.read(terminal, 4096)
        except OSError:  # what a pseudo-terminal gives when its last user is gone
            break
        if not piece:
            break
        text += piece
    os.close(terminal)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), text.decode()


def test_a_reset_is_asked_for_at_the_terminal(home: Home, tmp_path: Path) -> None:
    with MeterProcess(tmp_path, "constant", "--watts", "60", "--model", "um34c") as meter:
        time.sleep(4.0)  # so that there is more to clear than comes back before it is read again
        status, text = answered(home, "n", "meters", "set", meter.url, "--reset-group")
        assert "Clear group 0 (" in text
        assert "of this UM34C? It cannot be undone. [y/N]" in text
        assert (status, "nothing was changed" in text) == (1, True)
        status, text = answered(home, "y", "meters", "set", meter.url, "--reset-group")
        assert (status, "clear group 0: was group 0 (" in text) == (0, True), text


def test_settings_are_printed_one_by_one_also_as_json(home: Home, meter: MeterProcess) -> None:
    done = home.run_alone(
        "meters", "set", meter.url, "--json", "--backlight", "2", "--record-threshold", "0.1"
    )
    assert done.returncode == 0, done.stderr
    outcomes = [json.loads(line) for line in done.stdout.splitlines()]
    assert [(each["what"], each["after"], each["verified"]) for each in outcomes] == [
        ("recorder threshold 0.10 A", "0.10 A", True),
        ("backlight 2", "2", True),
    ]


def test_the_example_of_set_works(home: Home, meter: MeterProcess) -> None:
    told = home.run_alone("meters", "set", "--help").stdout
    example = " ".join(told.partition("Example: wattwatch ")[2].split())
    done = home.run_alone(*example.replace("/dev/rfcomm0", meter.url).split())
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == 3


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (("meters", "--no-scan"), 0, "-> pip install 'wattwatch[bluetooth]'"),
        (("meters", "pair", METER), 1, "pip install 'wattwatch[bluetooth]'"),
        (("read", METER, "--transport", "ble"), 1, "pip install 'wattwatch[bluetooth]'"),
        (("read", "/dev/rfcomm0"), 1, "pip install 'wattwatch[serial]'"),
    ],
)
def test_without_the_extras_it_names_them(
    home: Home, arguments: tuple[str, ...], status: int, words: str
) -> None:
    code = (
        "import sys; sys.modules.update(dict.fromkeys(['bleak', 'dbus_fast', 'serial'])); "
        "from wattwatch.cli.main import run; run()"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        env=home.environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == status
    assert words in done.stdout + done.stderr
    assert "Traceback" not in done.stderr
