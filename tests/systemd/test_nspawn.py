"""A real systemd runs what we install: the Pi path of the README, in a container that boots."""

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from support.rootfs import REPOSITORY, debian_tree, skip_or_fail
from support.wheelhouse import wheelhouse

pytestmark = [pytest.mark.timeout(300), pytest.mark.xdist_group("nspawn")]

_SOURCES = ("Makefile", "pyproject.toml", "constraints.txt", "README.md", "LICENSE")
_SOURCE_DIRECTORIES = ("src", "systemd", "tools", "exporters")
_UNIT = """
[Unit]
Description=The steps of the test
After=multi-user.target
[Service]
Type=oneshot
ExecStart=/usr/bin/python3 /out/guest.py
ExecStopPost=/bin/systemctl --no-block poweroff
"""

Facts = dict[str, Any]


def copy_of_the_sources(target: Path) -> None:
    for name in _SOURCES:
        target.mkdir(exist_ok=True)
        shutil.copy2(REPOSITORY / name, target / name)
    for name in _SOURCE_DIRECTORIES:
        shutil.copytree(REPOSITORY / name, target / name, ignore=shutil.ignore_patterns("__pycache__"))


def boot(directory: Path) -> subprocess.CompletedProcess[str]:
    """Boot the tree, with what is to be done in it; back when it has powered itself off."""
    copy_of_the_sources(directory / "src")
    out = directory / "out"
    out.mkdir()
    shutil.copy(Path(__file__).with_name("guest.py"), out)
    (directory / "steps.service").write_text(_UNIT)
    command = [
        "systemd-nspawn",
        "--quiet",
        f"--directory={debian_tree()}",
        "--volatile=overlay",
        f"--bind={directory / 'src'}:/src/wattwatch",
        f"--bind-ro={wheelhouse()}:/wheels",
        f"--bind={out}:/out",
        f"--bind-ro={directory / 'steps.service'}:/etc/systemd/system/steps.service",
        "--system-call-filter=adjtimex clock_adjtime",  # nspawn forbids even asking
        "--register=no",
        "--keep-unit",
        "--private-network",
        "--console=pipe",
        f"--machine=wattwatch-test-{os.getpid()}",
        "--boot",
        "systemd.wants=steps.service",
    ]
    return subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=240, check=False
    )


@pytest.fixture(scope="module")
def steps(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Facts]:
    """What became of each step, by its name."""
    if shutil.which("systemd-nspawn") is None:
        skip_or_fail("systemd-nspawn is missing: sudo apt-get install systemd-container")
    if os.geteuid() != 0:
        skip_or_fail("systemd-nspawn needs root")
    directory = tmp_path_factory.mktemp("nspawn")
    done = boot(directory)
    results = directory / "out/results.jsonl"
    if not results.exists():
        skip_or_fail(f"systemd-nspawn does not boot here: {done.stdout[-2000:]} {done.stderr[-2000:]}")
    facts = [json.loads(line) for line in results.read_text().splitlines()]
    print("\n".join(json.dumps(each) for each in facts))  # noqa: T201 - shown by pytest if something fails
    return {each["step"]: each for each in facts}


def test_every_step_was_done(steps: dict[str, Facts]) -> None:
    assert "failed" not in steps
    assert "journal" in steps
    assert "Traceback" not in steps["journal"]["log"]


def test_install_starts_the_service_as_its_own_user(steps: dict[str, Facts]) -> None:
    assert steps["install"]["status"] == 0, steps["install"]["err"]
    assert "wattwatch meters" in steps["install"]["out"]
    after = steps["after-install"]
    assert (after["ActiveState"], after["SubState"], after["User"]) == ("active", "running", "wattwatch")
    assert "sources up" in after["StatusText"]
    assert steps["user"]["gid"] == 9816
    assert "9816(wattwatch)" in steps["user"]["out"]
    assert steps["enabled"]["out"] == "enabled\n"


def test_the_user_is_in_the_groups_that_are_there_and_in_no_other(steps: dict[str, Facts]) -> None:
    line = steps["user"]["out"].partition("groups=")[2]
    assert {"dialout", "video"} <= {part.partition("(")[2].rstrip(")\n") for part in line.split(",")}
    assert steps["sandbox"]["probe"]["groups"]


def test_it_measures_and_says_so_in_its_status(steps: dict[str, Facts]) -> None:
    assert steps["restart"]["status"] == 0
    assert steps["measuring"]["joules"] > 3
    assert "meter 5.0" in steps["status"]["text"]
    assert "sources up · 0 runs" in steps["status"]["text"]


def test_members_of_the_group_may_ask_and_others_are_told_how_to_become_one(steps: dict[str, Facts]) -> None:
    ada, bob = steps["sources-ada"], steps["sources-bob"]
    assert ada["status"] == 0, ada["err"]
    assert {source["name"] for source in json.loads(ada["out"])["sources"]} >= {"meter", "host"}
    assert bob["status"] == 1
    assert "usermod -aG wattwatch" in bob["err"]


def test_the_sandbox_forbids_all_but_what_is_needed(steps: dict[str, Facts]) -> None:
    probe = steps["sandbox"]["probe"]
    assert probe["adjtimex"] >= 0  # else no clock would ever count as synchronised
    assert [probe[key] for key in ("shared_memory", "state", "system_bus")] == ["done"] * 3
    refused = ("usr", "shadow", "home", "packet_socket", "set_clock")
    assert "done" not in [probe[key] for key in refused], probe


def test_the_watchdog_restarts_a_daemon_that_stands_still_and_counters_go_on(steps: dict[str, Facts]) -> None:
    after = steps["watchdog"]
    assert (after["NRestarts"], after["ActiveState"], after["killed"]) == ("1", "active", True)
    assert after["stacks"]  # where each thread stood, in the journal
    assert after["after"] > after["before"] > 0
    assert after["missing"] == 0  # the time in which it stood still is filled from the meter's counter
    assert after["recovered"] > 3


def test_a_good_configuration_is_taken_up_by_the_same_process(steps: dict[str, Facts]) -> None:
    good = steps["good"]
    assert (good["status"], good["heat"], good["same"]) == (0, True, True)
    assert good["after"] > good["before"]


def test_a_bad_configuration_is_refused_and_the_old_one_stays(steps: dict[str, Facts]) -> None:
    bad = steps["bad"]
    assert bad["status"] != 0  # systemctl reload says so
    assert "sampling.gap: unknown key" in bad["text"]
    assert (bad["heat"], bad["same"]) == (True, True)
    assert bad["after"] > bad["before"]
    assert "refused" not in steps["mended"]["text"]
    assert steps["mended"]["ActiveState"] == "active"


def test_it_stops_in_good_order_and_goes_on_counting(steps: dict[str, Facts]) -> None:
    stop = steps["stop"]
    assert (stop["status"], stop["ActiveState"], stop["Result"]) == (0, "inactive", "success")
    assert not stop["socket_left"]
    assert stop["after"] > stop["before"]


def test_installing_again_upgrades_and_keeps_configuration_and_counters(steps: dict[str, Facts]) -> None:
    again = steps["again"]
    assert (again["status"], again["kept"]) == (0, True), again["err"]
    assert again["after"] > again["before"]


def test_uninstalling_leaves_configuration_and_measurements_unless_purged(steps: dict[str, Facts]) -> None:
    away, purged = steps["uninstall"], steps["purge"]
    assert (away["status"], away["left"], away["active"]) == (0, [], False)
    assert len(away["kept"]) == 2
    assert "/var/lib/wattwatch" in away["out"]
    assert (purged["status"], purged["left"], purged["user"]) == (0, [], False)
