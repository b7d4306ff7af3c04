import os
import tomllib
from dataclasses import fields
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattwatch.config import grammar, source_tables
from wattwatch.config.describe import settings_toml
from wattwatch.config.files import find_config
from wattwatch.config.load import load_settings, settings_from_document
from wattwatch.config.settings import SamplingSettings, ServerSettings, Settings, StoreSettings
from wattwatch.errors import ConfigError
from wattwatch.sources.base import HostSpec, SourceSpec, ThermalSpec, UmSpec

ENVIRONMENT = {"NODE_NAME": "pi-1"}
METER = '[[source]]\ntype = "um24c"\nurl = "/dev/rfcomm0"\n'


def load(text: str) -> Settings:
    return settings_from_document(tomllib.loads(text), "wattwatch.toml", ENVIRONMENT)


def test_no_file_at_all_gives_the_defaults(tmp_path: Path) -> None:
    settings = load_settings(None, ENVIRONMENT, system=tmp_path / "none.toml")
    assert settings == Settings(node="pi-1")


def test_every_key_of_the_design_is_read() -> None:
    settings = load(
        """
        node = "pi-7"
        primary = ["meter", "second"]
        fallback = "rapl"
        discover = true
        [server]
        listen = "[::1]:9817"
        socket = "/run/wattwatch/wattwatch.sock"
        token_file = "/etc/wattwatch/token"
        [sampling]
        gap_seconds = 5
        [store]
        path = "/var/lib/wattwatch/wattwatch.db"
        retention = "2w"
        max_bytes = "500MB"
        sync = "10s"
        [[source]]
        type = "um25c"
        name = "meter"
        url = "/dev/rfcomm0"
        address = "00:15:a6:01:aa:bb"
        channel = 2
        transport = "serial"
        interval = "250ms"
        nodes = ["pi-7"]
        deadline = "3s"
        [[source]]
        type = "thermal"
        root = "/tmp/sys"
        simulated = true
        [[source]]
        type = "host"
        interval = "5s"
        """
    )
    assert settings == Settings(
        "pi-7",
        ("meter", "second"),
        "rapl",
        discover=True,
        server=ServerSettings(
            "[::1]:9817", Path("/run/wattwatch/wattwatch.sock"), Path("/etc/wattwatch/token")
        ),
        sampling=SamplingSettings(5.0),
        store=StoreSettings(Path("/var/lib/wattwatch/wattwatch.db"), 14 * 86400.0, 500_000_000, 10.0),
        sources=(
            UmSpec(
                "meter", "um25c", 0.25, ("pi-7",), url="/dev/rfcomm0", address="00:15:A6:01:AA:BB",
                channel=2, transport="serial", deadline_seconds=3.0,
            ),
            ThermalSpec(root=Path("/tmp/sys"), simulated=True),  # noqa: S108 - never opened
            HostSpec(interval_seconds=5.0),
        ),
    )  # fmt: skip


def test_a_primary_is_one_name_or_several() -> None:
    assert load('primary = "meter"').primary == ("meter",)
    assert load('primary = ["a", "b"]').primary == ("a", "b")


# What is written, and what the one line must hold: the key path, and what is allowed or to be done.
WRONG = [
    ("nodee = 'x'", "nodee", "unknown key (did you mean node?)"),
    ("'a key\\nwith a newline' = 1", r"'a key\\nwith", "unknown key"),
    ("node = 3", "node", 'expected a text such as "…", got 3'),
    ("node = ''", "node", "expected a name of letters"),
    ("node = 'a b'", "node", "expected a name of letters"),
    ("node = 'a\\nb'", "node", "expected a name of letters"),
    ("node = 'pi/1'", "node", "expected a name of letters"),
    ("discover = 'yes'", "discover", "expected true or false, got 'yes'"),
    ("discover = 1", "discover", "expected true or false, got 1"),
    ("primary = 5", "primary", "expected a list of names"),
    ("primary = []", "primary", "expected a list of names"),
    ("primary = ['a', 'a']", "primary", "expected different names"),
    ("primary = [1]", "primary", "expected a text"),
    ("primary = 'a'\nfallback = 'a'", "fallback", "is the primary already"),
    ("discover = false\nprimary = 'x'\n" + METER, "primary", "there is no source 'x'; sources: meter"),
    ("discover = false\nfallback = 'x'", "fallback", "there is no source 'x'; sources: none"),
    ("server = 3", "server", "expected a table [server], got 3"),
    ("[server]\nport = 1", "server.port", "unknown key; allowed: listen, socket, token_file"),
    ("[server]\nlisten = 9816", "server.listen", "expected a text"),
    ("[server]\nlisten = '127.0.0.1'", "server.listen", "expected HOST:PORT"),
    ("[server]\nlisten = '127.0.0.1:99999'", "server.listen", "expected HOST:PORT"),
    ("[server]\nlisten = '::1:9816'", "server.listen", "expected HOST:PORT"),
    ("[server]\nlisten = 'host:http'", "server.listen", "expected HOST:PORT"),
    ("[server]\nsocket = 'wattwatch.sock'", "server.socket", "expected an absolute path"),
    ("[sampling]\ngap_seconds = 0", "sampling.gap_seconds", "expected 0.1 to 3600, got 0"),
    ("[sampling]\ngap_seconds = -3", "sampling.gap_seconds", "expected 0.1 to 3600"),
    ("[sampling]\ngap_seconds = nan", "sampling.gap_seconds", "expected a number"),
    ("[sampling]\ngap_seconds = inf", "sampling.gap_seconds", "expected a number"),
    ("[sampling]\ngap_seconds = '3s'", "sampling.gap_seconds", "expected a number, got '3s'"),
    ("[sampling]\ngap_seconds = true", "sampling.gap_seconds", "expected a number, got True"),
    ("[store]\nretention = 30", "store.retention", "expected a duration such as 500ms"),
    ("[store]\nretention = '0d'", "store.retention", "expected 1h to 3650d, got '0d'"),
    ("[store]\nretention = '30x'", "store.retention", "expected a duration such as 500ms"),
    ("[store]\nretention = 2025-01-01", "store.retention", "expected a duration"),
    ("[store]\nmax_bytes = '0B'", "store.max_bytes", "expected 1MiB to"),
    ("[store]\nmax_bytes = '2gib'", "store.max_bytes", "expected a size such as 500MB or 2GiB"),
    (f"[store]\nmax_bytes = '{'9' * 400}GiB'", "store.max_bytes", "expected a size such as"),
    ("[store]\nsync = '0s'", "store.sync", "expected 1s to 1h"),
    ("[controller]\nurl = 'x'", "controller", "not in this version"),
    ("[attribution]\npolicy = 'x'", "attribution", "not in this version"),
    ("source = 3", "source", "each under its own [[source]]"),
    ("[source]\ntype = 'um24c'", "source", "each under its own [[source]]"),
    ("[[source]]\nname = 'm'", "source[0].type ('m')", "is missing: expected one of um24c"),
    ("[[source]]\ntype = 'um99'", "source[0].type", "expected one of um24c, um25c, um34c, thermal, cooling"),
    ("[[source]]\ntype = ['um24c']", "source[0].type", "expected one of um24c"),
    ("[[source]]\ntype = 'replay'", "source[0].type", "'replay' is not in this version"),
    ("[[source]]\ntype = 'relay'", "source[0].url", "is missing"),
    ("[[source]]\ntype = 'lhm'", "source[0].url", "is missing"),
    ("[[source]]\ntype = 'host'\nurl = 'x'", "source[0].url", "unknown key"),
    ("[[source]]\ntype = 'um24c'", "source[0].address", "`wattwatch meters` finds it"),
    (METER + "address = 'nonsense'", "source[0].address", "expected an address such as"),
    (METER + "channel = 31", "source[0].channel", "expected 0 to 30, got 31"),
    (METER + "channel = 1.0", "source[0].channel", "expected a whole number"),
    (METER + "transport = 'ble'", "source[0].transport", "'ble' needs an address"),
    (METER + "transport = 'usb'", "source[0].transport", "expected one of auto, bluez, rfcomm, serial, ble"),
    (METER + "interval = '0ms'", "source[0].interval", "expected 50ms to 1h, got '0ms'"),
    (METER + "interval = '-1s'", "source[0].interval", "expected a duration"),
    (METER + "nodes = []", "source[0].nodes", "expected a list of names"),
    (METER + "nodes = 'pi-1'", "source[0].nodes", "expected a list of names"),
    (METER + "relayed = 'yes'", "source[0].relayed", "true or false"),
    (METER + "name = 'a/b'", "source[0].name", "expected a name of letters"),
    (METER + METER, "source[1].name", "2 sources are called 'meter'"),
    (METER + "name = 'self'", "source[0].name", "'self' is the daemon's own: give it another name"),
    (METER + "name = 'pi-1'\nnodes = ['pi-2', 'pi-3']", "source[0].name", "'pi-1' is a node of its own"),
    (
        METER + "name = 'pi-4'\nnodes = ['pi-2', 'pi-3']\n" + METER + "nodes = ['pi-4']",
        "source[0].name",
        "'pi-4' is a node of its own",
    ),
    (
        "[[source]]\ntype = 'host'\n[[source]]\ntype = 'host'\nname = 'again'\nnodes = ['pi-1']",
        "source[1].type",
        "'host' is read for pi-1 already",
    ),
    (
        "[[source]]\ntype = 'pi'\nnodes = ['x']\n[[source]]\ntype = 'pi'\nname = 'again'\nnodes = ['x']",
        "source[1].type",
        "'pi' is read for x already",
    ),
    (
        METER + "name = 'm'\n" + METER + "interval = 'fast'",
        "source[1].interval ('um24c')",
        "expected a duration",
    ),
]


@pytest.mark.parametrize(("text", "path", "cause"), WRONG)
def test_a_mistake_is_one_line_with_file_key_path_and_what_is_allowed(
    text: str, path: str, cause: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        load(text)
    line = str(caught.value)
    assert line.startswith("wattwatch.toml: ")
    assert path in line
    assert cause in line
    assert "\n" not in line
    assert len(line) < 400


def test_one_host_for_each_node_is_no_mistake() -> None:
    text = "[[source]]\ntype = 'host'\n[[source]]\ntype = 'host'\nname = 'again'\n"
    assert len(load(text + "nodes = ['pi-2']").sources) == 2
    assert len(load(text + "relayed = true").sources) == 2
    group = METER + "name = 'rack'\nnodes = ['pi-1', 'pi-2']"
    assert load(group).sources[0].nodes == ("pi-1", "pi-2")


def test_every_key_of_the_grammar_refuses_a_wrong_type() -> None:
    for table in source_tables.TABLES:
        for key in (key for key in table.keys if not key.later and key.name != "type"):
            content = {"type": table.types[0]} if table.types else {}
            inner = content | {key.name: {"a": "table"}}
            document = {"source": [inner]} if table.types else {table.name: inner} if table.name else inner
            with pytest.raises(ConfigError, match=rf"{key.name}.*: expected "):
                settings_from_document(document, "f.toml", ENVIRONMENT)


def test_every_key_fills_a_field_of_its_record() -> None:
    for table in source_tables.TABLES:
        names = {field.name for field in fields(table.record)}
        assert {key.target for key in table.keys if not key.later} <= names
        filled = {key.target for key in table.keys} | {t.name for t in grammar.SECTIONS} | {"sources"}
        assert names <= filled, f"{table.heading}: a field without a key"


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=12), inner, max_size=3),
    max_leaves=8,
)
key_names = st.sampled_from(
    sorted(
        {key.name for table in source_tables.TABLES for key in table.keys}
        | {"source", "server", "store", "x\n"}
    )
)


@given(st.dictionaries(key_names, json_values | st.dictionaries(key_names, json_values), max_size=4))
def test_whatever_stands_in_a_file_it_is_settings_or_one_line(document: dict[str, object]) -> None:
    line = line_about(document)
    assert not line or line.startswith("f.toml: ")
    assert "\n" not in line


def line_about(document: dict[str, object]) -> str:
    try:
        settings_from_document(document, "f.toml", ENVIRONMENT)
    except ConfigError as error:
        return str(error)
    return ""


names = st.from_regex(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,8}[A-Za-z0-9])?", fullmatch=True)
seconds = st.integers(50, 3_600_000).map(lambda milliseconds: milliseconds / 1000)
paths = st.text(st.characters(exclude_characters="\0/", exclude_categories=["Cs"]), min_size=1, max_size=9)
absolute = paths.filter(lambda part: part not in {".", ".."}).map(lambda part: Path("/x") / part)
texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)
specs: st.SearchStrategy[SourceSpec] = st.one_of(
    st.builds(
        UmSpec,
        name=st.just("meter"),
        type=st.sampled_from(["um24c", "um25c", "um34c"]),
        url=texts,
        address=st.sampled_from(["", "00:15:A6:01:AA:BB"]),
        channel=st.integers(0, 30),
        transport=st.sampled_from(["auto", "serial"]),
        interval_seconds=seconds,
        nodes=st.lists(names, unique=True, max_size=2).map(tuple),
        deadline_seconds=st.integers(100, 60_000).map(lambda n: n / 1000),
    ),
    st.builds(ThermalSpec, root=absolute, interval_seconds=seconds),
    st.builds(HostSpec, root=absolute, interval_seconds=seconds),
)
all_settings = st.builds(
    Settings,
    node=names,
    primary=st.lists(names, unique=True, max_size=2).map(tuple),
    fallback=st.just(""),
    discover=st.just(value=True),
    server=st.builds(
        ServerSettings,
        listen=st.sampled_from(["", "127.0.0.1:0", "[::]:9816"]),
        socket=st.none() | absolute,
        token_file=st.none() | absolute,
    ),
    sampling=st.builds(SamplingSettings, gap_seconds=st.floats(0.1, 3600.0)),
    store=st.builds(
        StoreSettings,
        path=st.none() | absolute,
        retention_seconds=st.integers(3600, 10**8).map(float),
        max_bytes=st.integers(2**20, 2**50),
        sync_seconds=st.integers(1000, 3_600_000).map(lambda n: n / 1000),
    ),
    sources=st.lists(specs, max_size=3, unique_by=lambda spec: spec.name).map(tuple),
)


@given(all_settings)
def test_what_check_config_prints_can_be_read_again(settings: Settings) -> None:
    assert load(settings_toml(settings)) == settings


def test_the_file_is_looked_for_in_order(tmp_path: Path) -> None:
    given_file, named, user, system = (
        tmp_path / part for part in ("given", "named", "xdg/wattwatch/wattwatch.toml", "etc")
    )
    user.parent.mkdir(parents=True)
    environment = ENVIRONMENT | {"WATTWATCH_CONFIG": str(named), "XDG_CONFIG_HOME": str(tmp_path / "xdg")}
    for file in (given_file, named, user, system):
        file.write_text("")
    without_name = {"NODE_NAME": "pi-1", "XDG_CONFIG_HOME": str(tmp_path / "xdg")}
    assert find_config(given_file, environment, system) == given_file
    assert find_config(None, environment, system) == named
    assert find_config(None, without_name, system) == user
    assert find_config(None, {"HOME": str(tmp_path)}, system) == system
    assert find_config(None, {}, tmp_path / "none") is None


def test_without_xdg_config_home_it_is_looked_for_below_home(tmp_path: Path) -> None:
    file = tmp_path / ".config" / "wattwatch" / "wattwatch.toml"
    file.parent.mkdir(parents=True)
    file.write_text('node = "from-home"')
    assert load_settings(None, {"HOME": str(tmp_path)}, tmp_path / "none").node == "from-home"


def test_of_a_directory_the_file_of_the_node_is_read_else_the_default_and_never_both(tmp_path: Path) -> None:
    (tmp_path / "default.toml").write_text("[sampling]\ngap_seconds = 9")
    (tmp_path / "pi-1.toml").write_text('primary = "meter"')
    own = load_settings(tmp_path, {"NODE_NAME": "pi-1"})
    other = load_settings(tmp_path, {"NODE_NAME": "pi-2"})
    assert (own.primary, own.sampling.gap_seconds) == (("meter",), 3.0)
    assert (other.primary, other.sampling.gap_seconds) == ((), 9.0)


def test_a_directory_without_either_says_what_it_looked_for(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"neither pi-1\.toml nor default\.toml"):
        load_settings(tmp_path, ENVIRONMENT)


@pytest.mark.parametrize("how", ["option", "variable"])
def test_a_file_that_was_asked_for_must_be_there(tmp_path: Path, how: str) -> None:
    missing = tmp_path / "missing.toml"
    environment = ENVIRONMENT | ({"WATTWATCH_CONFIG": str(missing)} if how == "variable" else {})
    with pytest.raises(ConfigError, match=r"missing\.toml: there is no such file"):
        load_settings(missing if how == "option" else None, environment)


@pytest.mark.parametrize(
    ("content", "cause"),
    [
        (b"node = \n", "is not TOML: .*line 1"),
        (b"a = 1\n\na = 2\n", "is not TOML: .*line 3"),
        (b"node = '\xff'", "is not UTF-8 text, from byte 8"),
        (b"a = " + b"[" * 5000, "is not TOML"),
        (b"#" * (2**20 + 1), "longer than 1 MiB"),
        # Numbers that are none of Python's floats, or have more digits than it reads or writes.
        (b"[server]\nlisten = '[::]:" + b"9" * 5000 + b"'", "listen: expected HOST:PORT .{0,600}…$"),
        (b"node = " + b"9" * 4400, "is not TOML: Exceeds the limit"),
        (b"[sampling]\ngap_seconds = 1" + b"0" * 400, "gap_seconds: expected a number, got 1000"),
        (b"server = 0x" + b"f" * 4000, "expected a table .*, got a very large number"),
        (b"[store]\nretention = 0x" + b"f" * 4000, "retention: expected a duration"),
        (b"[store]\nmax_bytes = 0x" + b"f" * 4000, "max_bytes: expected a size"),
        (b"[store]\nretention = '" + b"9" * 5000 + b"'", "retention: expected a duration .{0,200}$"),
        (b'[store]\npath = "/a\\u0000b"', "path: expected an absolute path"),
    ],
)
def test_what_is_not_toml_is_one_line_too(tmp_path: Path, content: bytes, cause: str) -> None:
    file = tmp_path / "wattwatch.toml"
    file.write_bytes(content)
    with pytest.raises(ConfigError, match=rf"^{file}: .*{cause}") as caught:
        load_settings(file, ENVIRONMENT)
    assert "\n" not in str(caught.value)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_says_so(tmp_path: Path) -> None:
    file = tmp_path / "wattwatch.toml"
    file.write_text("")
    file.chmod(0)
    with pytest.raises(ConfigError, match="cannot be read: Permission denied"):
        load_settings(file, ENVIRONMENT)


def test_a_host_name_that_is_no_name_is_said_only_if_no_node_is_set() -> None:
    with pytest.raises(ConfigError, match=r"\$NODE_NAME or the host name: expected a name"):
        settings_from_document({}, "f.toml", {"NODE_NAME": "not a name"})
    assert settings_from_document({"node": "pi"}, "f.toml", {"NODE_NAME": "not a name"}).node == "pi"
