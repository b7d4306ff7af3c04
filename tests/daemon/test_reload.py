"""When a configuration file has changed, and what of it a running daemon can take up."""

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattwatch.config.settings import SamplingSettings, Settings, StoreSettings
from wattwatch.daemon.reload import ConfigPlace, ConfigWatch, check_reloadable, same_relays, source_changes
from wattwatch.errors import ConfigError
from wattwatch.sources.base import HostSpec, RelaySpec, SourceSpec, ThermalSpec, UmSpec


def watch(path: Path) -> ConfigWatch:
    return ConfigWatch(lambda: path)


def test_a_change_is_told_once_and_only_when_it_has_settled(tmp_path: Path) -> None:
    file = tmp_path / "wattwatch.toml"
    file.write_text("discover = true\n")
    watched = watch(file)
    assert not watched.changed()
    file.write_text("discover")  # a writer is at work
    looks = [(watched.changed(), watched.is_unsettled)]
    file.write_text("discover = false\n")
    looks += [(watched.changed(), watched.is_unsettled) for _ in range(3)]
    assert looks == [(False, True), (False, True), (True, False), (False, False)]


def test_a_file_that_is_replaced_with_the_same_size_and_time_is_another(tmp_path: Path) -> None:
    file, new = tmp_path / "wattwatch.toml", tmp_path / "new"
    for each, text in ((file, "a = 1"), (new, "a = 2")):
        each.write_text(text)
        os.utime(each, ns=(10**18, 10**18))
    watched = watch(file)
    new.replace(file)
    assert [watched.changed(), watched.changed()] == [False, True]


def test_a_config_map_that_turns_its_link(tmp_path: Path) -> None:
    """As the kubelet does it: file -> ..data/file, ..data -> ..2024, and ..data is replaced in one step."""
    for version in ("..2024_1", "..2024_2"):
        (tmp_path / version).mkdir()
        (tmp_path / version / "default.toml").write_text("discover = true\n")
        os.utime(tmp_path / version / "default.toml", ns=(10**18, 10**18))
    (tmp_path / "..data").symlink_to("..2024_1")
    (tmp_path / "default.toml").symlink_to("..data/default.toml")
    watched = ConfigWatch(ConfigPlace(tmp_path, {"NODE_NAME": "pi-1"}).file)
    assert not watched.changed()
    (tmp_path / "..data_tmp").symlink_to("..2024_2")
    (tmp_path / "..data_tmp").rename(tmp_path / "..data")
    assert [watched.changed(), watched.changed()] == [False, True]


def test_another_file_of_a_directory_may_become_ours(tmp_path: Path) -> None:
    (tmp_path / "default.toml").touch()
    watched = ConfigWatch(ConfigPlace(tmp_path, {"NODE_NAME": "pi-1"}).file)
    (tmp_path / "pi-1.toml").touch()
    assert [watched.changed(), watched.changed()] == [False, True]


def test_a_file_that_is_gone_is_no_change_until_it_is_back(tmp_path: Path) -> None:
    file = tmp_path / "wattwatch.toml"
    file.write_text("one")
    watched = watch(file)
    file.unlink()
    assert [watched.changed() for _ in range(3)] == [False] * 3
    assert not watched.is_unsettled
    file.write_text("two!")
    assert [watched.changed(), watched.changed()] == [False, True]


def test_a_file_that_comes_into_a_usual_place_is_a_change(tmp_path: Path) -> None:
    watched = ConfigWatch(ConfigPlace(None, {"XDG_CONFIG_HOME": str(tmp_path)}).file)
    (tmp_path / "wattwatch").mkdir()
    (tmp_path / "wattwatch/wattwatch.toml").touch()
    assert [watched.changed(), watched.changed()] == [False, True]


def test_what_was_read_by_a_signal_is_not_read_again(tmp_path: Path) -> None:
    file = tmp_path / "wattwatch.toml"
    file.write_text("one")
    watched = watch(file)
    file.write_text("two!")
    watched.accept()
    assert [watched.changed(), watched.changed()] == [False, False]


def test_what_the_command_line_says_outranks_the_file_at_each_reading(tmp_path: Path) -> None:
    file = tmp_path / "wattwatch.toml"
    file.write_text('[server]\nlisten = "127.0.0.1:1"\n')
    assert ConfigPlace(file, {"NODE_NAME": "pi-1"}).load().server.listen == "127.0.0.1:1"
    assert ConfigPlace(file, {"NODE_NAME": "pi-1"}, "127.0.0.1:2").load().server.listen == "127.0.0.1:2"


SPECS: list[SourceSpec] = [
    UmSpec(url="/dev/rfcomm0"),
    UmSpec(url="/dev/rfcomm1"),
    UmSpec(name="plug", url="/dev/rfcomm1"),
    ThermalSpec(),
    ThermalSpec(interval_seconds=5.0),
    HostSpec(),
]
CONFIGURATIONS = st.lists(st.sampled_from(SPECS), unique_by=lambda spec: spec.name)


@given(before=CONFIGURATIONS, after=CONFIGURATIONS)
def test_what_ends_and_begins_leads_from_one_configuration_to_the_other(
    before: list[SourceSpec], after: list[SourceSpec]
) -> None:
    changes = source_changes(before, after)
    running = {spec.name: spec for spec in before}
    for name in changes.gone:
        del running[name]
    for spec in changes.come:
        assert spec.name not in running
        running[spec.name] = spec
    assert running == {spec.name: spec for spec in after}
    assert not set(before) & set(after) & set(changes.come)  # what stays is left alone


def test_a_relay_goes_on_if_it_takes_over_the_same_source() -> None:
    before: list[SourceSpec] = [
        RelaySpec(url="http://a", source="meter-1"),
        UmSpec(name="plug", url="/dev/rfcomm1"),
    ]
    assert same_relays(before, [RelaySpec(url="http://b", source="meter-1")]) == {"meter"}
    assert same_relays(before, [RelaySpec(url="http://a", source="meter-2")]) == set()
    assert same_relays(before, [RelaySpec(name="plug", url="http://a", source="meter-1")]) == set()


SETTINGS = Settings("pi-1", sources=(UmSpec(url="/dev/rfcomm0"),))


@pytest.mark.parametrize(
    "new",
    [
        replace(SETTINGS, sources=()),
        replace(SETTINGS, primary=("meter",), discover=False, fallback="rapl"),
        replace(SETTINGS, sampling=SamplingSettings(gap_seconds=9.0)),
        replace(SETTINGS, store=StoreSettings(retention_seconds=86400.0, max_bytes=2**20, sync_seconds=5.0)),
    ],
)
def test_what_a_running_daemon_takes_up(new: Settings) -> None:
    check_reloadable(SETTINGS, new)


@pytest.mark.parametrize(
    ("new", "key"),
    [
        (replace(SETTINGS, node="pi-2"), "node: from 'pi-1' to 'pi-2'"),
        *(
            (replace(SETTINGS, server=replace(SETTINGS.server, **{key: value})), rf"\[server\] {key}:")
            for key, value in dict[str, Any](
                listen="", socket=Path("/s"), token_file=Path("/t"), web_config=Path("/w")
            ).items()
        ),
        (replace(SETTINGS, store=StoreSettings(path=Path("/elsewhere"))), r"\[store\] path:"),
        (replace(SETTINGS, sources=(UmSpec(url="/dev/rfcomm0", simulated=True),)), "simulated"),
    ],
)
def test_what_needs_a_restart_is_named(new: Settings, key: str) -> None:
    with pytest.raises(ConfigError, match=f"{key}.*restart") as refused:
        check_reloadable(SETTINGS, new)
    assert "\n" not in str(refused.value)
