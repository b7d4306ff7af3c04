"""A real daemon on made-up trees of /sys: joules of counters, chips that come and go, reasons in words."""

from functools import partial
from pathlib import Path

import pytest

from support.daemon_process import Home, until, value
from support.sysfs_tree import build_tree, make_link, unplug

pytestmark = pytest.mark.timeout(120)

ENERGY = "wattwatch_energy_joules_total"
TYPES = ("rapl", "hwmon", "power_supply", "cooling", "thermal")


def a_home(directory: Path, tree: str) -> tuple[Home, Path]:
    """A daemon's home whose sensors are those of a tree, simulated as all that is made up."""
    home, root = Home(directory), build_tree(tree, directory / "sys")
    sources = "".join(f'[[source]]\ntype = "{t}"\nroot = "{root}"\nsimulated = true\n' for t in TYPES)
    home.config.write_text(home.config.read_text() + sources)
    return home, root


def count_up(counter: Path, microjoules: int, most: int = 262_143_328_850) -> None:
    counter.write_text(f"{(int(counter.read_text()) + microjoules) % most}\n")


def test_joules_of_counters_are_exact_over_a_wrap(tmp_path: Path) -> None:
    home, root = a_home(tmp_path, "server-2-sockets")
    counters = {zone: root / f"class/powercap/intel-rapl:{zone}/energy_uj" for zone in (0, 1)}
    with home.daemon().ready() as daemon:
        home.port = int(daemon.wait_for(r"http://127.0.0.1:(\d+)/"))

        def joules(zone: str) -> float:
            return value(home.scrape(), ENERGY, source="rapl", zone=zone)

        def counted(zone: str, expected: float) -> bool:
            return joules(zone) == pytest.approx(expected, abs=1e-6)

        until(lambda: home.readings("rapl/package-1/energy_joules"), 20, "a first reading")
        for step in (1, 2, 3):  # package-0 begins 850 uJ before its end
            count_up(counters[0], 70_000_000)
            count_up(counters[1], 30_000_000)
            until(partial(counted, "package-0", 70.0 * step), 20, "all of package-0")
            until(partial(counted, "package-1", 30.0 * step), 20, "all of package-1")
        page = home.scrape()
        assert value(page, "wattwatch_energy_seconds_total", zone="package-0", state="missing") == 0
        assert value(page, ENERGY, zone="package-0-dram") == 0
        labels = {dict(pairs)["quality"] for (name, pairs), _ in page.items() if name == ENERGY}
        assert labels == {"simulated"}
        table = home.run("sources").stdout
        assert daemon.end() == 0
    assert "package-1-dram: range unknown" in table
    assert "why: no cooling devices" in table
    assert "why: no power supplies" in table
    assert "Traceback" not in daemon.text


def test_a_meter_that_is_unplugged_costs_its_channels_until_it_is_back(tmp_path: Path) -> None:
    home, root = a_home(tmp_path, "bench")
    with home.daemon().ready() as daemon:
        home.port = int(daemon.wait_for(r"http://127.0.0.1:(\d+)/"))

        def watts() -> dict[str, float]:
            return {
                dict(pairs)["zone"]: watts
                for (name, pairs), watts in home.scrape().items()
                if name == "wattwatch_power_watts"
            }

        until(lambda: watts().get("powerz") == 4.158252, 20, "the meter")
        unplug(root, "hwmon4")
        until(lambda: "ina219" in watts() and "powerz" not in watts(), 20, "the others alone")
        again = build_tree("bench", tmp_path / "again") / "class/hwmon/hwmon4"
        make_link(root / "class/hwmon/hwmon6", again.resolve())
        until(lambda: watts().get("powerz") == 4.158252, 30, "the meter under another number")
        assert daemon.end() == 0
    assert "Traceback" not in daemon.text
