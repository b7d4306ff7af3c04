"""A Windows host's sensors, read off a real server on loopback."""

import json
import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme

from support.clock import FakeClock
from support.daemon_process import until
from support.lhm_server import FakeLhm, document, lhm_server
from wattwatch.clock import SystemClock
from wattwatch.config.load import settings_from_document
from wattwatch.daemon.primary import choose_primary
from wattwatch.errors import ConfigError, SourceUnavailable
from wattwatch.reading import Instant, Kind, Quality, Scope
from wattwatch.sources.base import LhmSpec
from wattwatch.sources.lhm import LhmSource
from wattwatch.sources.lhm_channels import scope_of


@pytest.fixture
def server() -> Iterator[FakeLhm]:
    with lhm_server() as fake:
        yield fake


def source(server: FakeLhm, **spec: object) -> LhmSource:
    return LhmSource(LhmSpec(**({"url": server.url} | spec)), SystemClock())  # type: ignore[arg-type]


def values(made: LhmSource) -> dict[str, float]:
    return {reading.channel.id: reading.value for reading in made.read().readings}


def refusal(server: FakeLhm, **spec: object) -> SourceUnavailable:
    with pytest.raises(SourceUnavailable) as caught:
        source(server, **spec).read()
    assert "\n" not in str(caught.value)
    return caught.value


def test_chosen_zones_give_all_that_is_known_of_them(server: FakeLhm) -> None:
    assert values(source(server, zones=("CPU Package", "CPU Memory"))) == {
        "lhm/cpu-package/power_watts": 42.03125,
        "lhm/cpu-package/temperature_celsius": 61.0,
        "lhm/cpu-memory/power_watts": 1.25,
    }


def test_a_zone_may_name_its_hardware(server: FakeLhm) -> None:
    made = source(server, zones=("NVIDIA GeForce GTX 1660/GPU Core",))
    assert values(made) == {"lhm/gpu-core/temperature_celsius": 44.0}


def test_without_a_choice_every_sensor_of_a_known_type_is_read(server: FakeLhm) -> None:
    shown = values(source(server))
    assert len(shown) == 15  # 16, of which the battery's discharge rate has no value
    assert shown["lhm/cpu-total/load_ratio"] == 0.375
    assert shown["lhm/cpu-core/voltage_volts"] == 1.184
    assert shown["lhm/remaining-capacity/energy_joules"] == pytest.approx(148428)


def test_names_that_come_again_have_their_hardware_before_them(server: FakeLhm) -> None:
    shown = {
        name: value
        for name, value in values(source(server)).items()
        if "temperature/" in name or "ssd" in name
    }
    assert shown == {
        "lhm/temperature/temperature_celsius": 38.0,
        "lhm/samsung-ssd-970-evo-temperature/temperature_celsius": 41.0,
    }


def test_a_third_of_the_same_name_has_a_number(server: FakeLhm) -> None:
    tree = json.loads(server.body)
    drives = tree["Children"][0]["Children"]
    third = json.loads(json.dumps(drives[4]).replace("/nvme/1", "/nvme/2"))
    drives.append(third)
    server.body = json.dumps(tree).encode()
    assert "lhm/samsung-ssd-970-evo-temperature-2/temperature_celsius" in values(source(server))


def test_a_sensor_keeps_its_channel_when_another_vanishes(server: FakeLhm) -> None:
    made = source(server, zones=("Temperature",))
    made.read()
    tree = json.loads(server.body)
    del tree["Children"][0]["Children"][3]
    server.body = json.dumps(tree).encode()
    assert values(made) == {"lhm/samsung-ssd-970-evo-temperature/temperature_celsius": 41.0}


@pytest.mark.parametrize(
    "form", ["lhm-0.9.6-strings", "lhm-0.9.6-german", "lhm-0.9.7-numbers", "open-hardware-monitor"]
)
def test_every_form_gives_the_same_channels(server: FakeLhm, form: str) -> None:
    expected = source(server).read().readings
    server.body = document(form)
    found = source(server).read().readings
    assert [r.channel for r in found] == [r.channel for r in expected]
    assert [r.value for r in found] == pytest.approx([r.value for r in expected], rel=0.05)


@pytest.mark.parametrize(
    ("name", "scope"),
    [
        ("CPU Package", Scope.PACKAGE),
        ("Package", Scope.PACKAGE),
        ("CPU Cores", Scope.CORE),
        ("Core #3 (SMU)", Scope.CORE),
        ("CPU Graphics", Scope.UNCORE),
        ("CPU Memory", Scope.DRAM),
        ("DRAM", Scope.DRAM),
        ("GPU Package", Scope.GPU),
        ("GPU Power", Scope.GPU),
        ("GPU Core", Scope.RAIL),
        ("CPU Platform", Scope.RAIL),
        ("12VHPWR Pin 1", Scope.RAIL),
    ],
)
def test_scopes(name: str, scope: Scope) -> None:
    assert scope_of(name) is scope


def test_power_has_a_scope_and_the_configuration_may_say_which(server: FakeLhm) -> None:
    def scopes(**spec: object) -> set[tuple[str, Scope]]:
        channels = source(server, zones=("CPU Package", "GPU Package"), **spec).description.channels
        return {(c.zone, c.scope) for c in channels if c.kind is Kind.POWER}

    assert scopes() == {("cpu-package", Scope.PACKAGE), ("gpu-package", Scope.GPU)}
    assert scopes(scope="wall") == {("cpu-package", Scope.WALL), ("gpu-package", Scope.WALL)}


def test_what_a_battery_takes_or_gives_is_no_supply_and_its_content_no_counter(server: FakeLhm) -> None:
    server.body = server.body.replace(b'"RawValue": null', b'"RawValue": 11.5')
    battery = {
        c.quantity: c for c in source(server).description.channels if "charge" in c.zone or "cap" in c.zone
    }
    assert {c.quantity: c.measures_energy for c in battery.values()} == {
        "energy_joules": False,
        "power_watts": False,
    }


def test_simulated_values_say_so(server: FakeLhm) -> None:
    made = source(server, simulated=True)
    assert {channel.quality for channel in made.description.channels} == {Quality.SIMULATED}


def test_the_instant_is_midway_of_request_and_answer(server: FakeLhm) -> None:
    class SteppingClock(FakeClock):
        def now(self) -> Instant:
            self.boot_seconds += 1.0
            return super().now()

    made = LhmSource(LhmSpec(url=server.url), SteppingClock())
    assert made.read().at.boot_seconds == 1001.5


def test_nothing_is_ever_asked_but_the_document(server: FakeLhm) -> None:
    made = source(server, zones=("CPU Package",))
    assert made.description.channels
    for body in (document(), b"<html>", b"{}", b""):
        server.body = body
        for _ in range(2):
            try:
                made.read()
            except SourceUnavailable:
                continue
    made.close()
    assert set(server.asked) == {("GET", "/data.json")}


@pytest.mark.parametrize("tail", ["Sensor?action=Set&id=/fan/0&value=0", "Sensor?action=Set&x=/data.json"])
def test_a_url_that_would_change_something_is_refused_before_any_request(server: FakeLhm, tail: str) -> None:
    with pytest.raises(ConfigError, match="nothing else is ever asked for"):
        source(server, url=server.url.replace("data.json", tail))
    assert server.asked == []


@pytest.mark.parametrize(
    ("entry", "cause"),
    [
        (
            {"url": "http://h:8085/Sensor?action=Set"},
            r"source\[0\].url \('lhm'\): expected http://host:8085/data",
        ),
        (
            {"url": "http://h:8085", "password_file": "/x"},
            r"source\[0\].user \('lhm'\): is missing, although",
        ),
    ],
)
def test_a_configuration_that_is_wrong_says_where(entry: dict[str, str], cause: str) -> None:
    with pytest.raises(ConfigError, match=cause):
        settings_from_document({"source": [{"type": "lhm", **entry}]}, "a.toml", {})


def test_zones_of_a_configuration_are_any_texts() -> None:
    entry = {
        "type": "lhm",
        "url": "http://h:8085",
        "zones": ["CPU Package", "Intel(R) Xeon(R) W/Core #1 (SMU)"],
    }
    (spec,) = settings_from_document({"source": [entry]}, "a.toml", {}).sources
    assert isinstance(spec, LhmSpec)
    assert spec.zones == ("CPU Package", "Intel(R) Xeon(R) W/Core #1 (SMU)")
    for wrong in ([], "CPU Package", [""], ["CPU Package"] * 2, [7]):
        with pytest.raises(ConfigError, match=r"source\[0\].zones \('lhm'\): expected "):
            settings_from_document({"source": [entry | {"zones": wrong}]}, "a.toml", {})


@pytest.mark.parametrize("pack", [True, False])
def test_packed_or_not(pack: bool) -> None:
    with lhm_server(pack=pack) as fake:
        assert source(fake).read().readings


def test_a_password(server: FakeLhm, tmp_path: Path) -> None:
    server.login = "reader:päss word"
    file = tmp_path / "password"
    file.write_text("päss word\n", encoding="utf-8")
    assert source(server, user="reader", password_file=file).read().readings
    file.write_text("other")
    error = refusal(server, user="reader", password_file=file)
    assert "refuses user 'reader'" in str(error)
    assert error.reason == "permission"


def test_a_password_that_is_asked_for(server: FakeLhm) -> None:
    server.login = "reader:secret"
    assert "asks for a password: set user and password_file" in str(refusal(server))


def test_a_password_never_stands_in_a_message(server: FakeLhm, tmp_path: Path) -> None:
    server.login = "reader:right"
    file = tmp_path / "password"
    file.write_text("wr0ng")
    made = source(server, user="reader", password_file=file)
    with pytest.raises(SourceUnavailable) as caught:
        made.read()
    assert "wr0ng" not in str(caught.value) + made.description.detail


def test_a_password_file_that_is_not_there(server: FakeLhm, tmp_path: Path) -> None:
    error = refusal(server, user="reader", password_file=tmp_path / "none")
    assert "No such file" in str(error)
    assert server.asked == []


def test_a_password_without_its_user_is_a_mistake(server: FakeLhm, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="add the user"):
        source(server, password_file=tmp_path / "password")


def test_a_server_that_is_off_says_where_it_is_switched_on() -> None:
    with lhm_server() as fake:
        pass
    error = refusal(fake)
    assert "nothing listens on 127.0.0.1:" in str(error)
    assert "Options → Remote Web Server → Run" in str(error)
    assert error.reason == "absent"


def test_an_unknown_host() -> None:
    error = refusal(FakeLhm("http://nowhere.invalid:8085/data.json"))
    assert "unknown host 'nowhere.invalid'" in str(error)


def test_a_redirect_is_not_followed(server: FakeLhm) -> None:
    server.status = 302
    server.headers = {"Location": server.url.replace("data.json", "Sensor?action=Set")}
    assert "redirects elsewhere, which is never followed" in str(refusal(server))
    assert server.asked == [("GET", "/data.json")]


@pytest.mark.parametrize(
    ("status", "body", "message"),
    [
        (200, b"\n <!DOCTYPE html><html></html>", "a web page instead of JSON"),
        (200, b'{"temperature": 3}', "no sensors of LibreHardwareMonitor: it is no tree"),
        (200, b"not json", "gives no sensors of LibreHardwareMonitor: Expecting value"),
        (200, b'{"Children": []}', "no sensor has a value: does LibreHardwareMonitor run as administrator"),
        (404, b"none", "status 404 to /data.json: set url to"),
        (503, b"busy", "status 503"),
    ],
)
def test_other_answers(server: FakeLhm, status: int, body: bytes, message: str) -> None:
    server.status, server.body = status, body
    assert message in str(refusal(server))


def test_an_answer_that_is_too_large_is_not_kept(server: FakeLhm) -> None:
    server.body = b" " * (5 * 2**20) + server.body
    assert "more than 4194304 bytes" in str(refusal(server))
    server.pack = False
    assert "more than 4194304 bytes" in str(refusal(server))


def test_an_answer_that_breaks_off(server: FakeLhm) -> None:
    server.cut = True
    for pack in (True, False):
        server.pack = pack
        assert refusal(server).reason == "garbage"


def test_what_says_to_be_packed_and_is_not(server: FakeLhm) -> None:
    server.pack = False
    server.headers = {"Content-Encoding": "gzip"}
    assert refusal(server).reason == "garbage"


def test_an_answer_that_takes_too_long() -> None:
    with lhm_server(pause=threading.Event()) as fake:
        error = refusal(fake, deadline_seconds=0.2)
    assert error.reason == "timeout"
    assert "no whole answer from 127.0.0.1:" in str(error)


def test_an_answer_that_drips_is_no_answer() -> None:
    """Every wait is short, but all of them together are not."""
    with lhm_server(drip_seconds=0.01) as fake:
        assert refusal(fake, deadline_seconds=0.3).reason == "timeout"


def test_encrypted_by_a_proxy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    with lhm_server(context) as fake:
        assert "CERTIFICATE_VERIFY_FAILED" in str(refusal(fake))
        authority.cert_pem.write_to_path(tmp_path / "ca.pem")
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
        assert source(fake).read().readings


def test_closing_from_another_thread_ends_a_read() -> None:
    with lhm_server(pause=threading.Event()) as fake:
        made = source(fake, deadline_seconds=30.0)

        def close_once_asked() -> None:
            until(lambda: fake.asked, 10, "a request")
            made.close()

        closer = threading.Thread(target=close_once_asked)
        closer.start()
        with pytest.raises(SourceUnavailable) as caught:
            made.read()
        closer.join()
    assert caught.value.reason == "garbage"  # cut short, and not after a deadline


def test_something_else_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

        def greet() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(1000)
                connection.sendall(b"SSH-2.0-OpenSSH_9.2\r\n")

        thread = threading.Thread(target=greet)
        thread.start()
        error = refusal(FakeLhm(f"http://127.0.0.1:{port}/data.json"))
        thread.join()
    assert "talking to" in str(error)


def test_a_zone_that_is_not_there_names_those_that_are(server: FakeLhm) -> None:
    message = str(refusal(server, zones=("CPU Package", "CPU Pakage")))
    assert "there is no zone 'CPU Pakage'; zones there: Intel Core i7-9700/CPU Package, " in message
    assert "Samsung SSD 970 EVO/Temperature" in message


def test_many_zones_are_not_all_named(server: FakeLhm) -> None:
    sensors = [{"Text": f"Fan {n}", "Type": "Power", "Value": "1 W"} for n in range(99)]
    server.body = json.dumps({"Children": [{"Text": "PC", "Children": sensors}]}).encode()
    assert str(refusal(server, zones=("X",))).endswith("/Fan 29 and 69 more")


def test_a_zone_that_goes_away_later_is_left_out(server: FakeLhm) -> None:
    made = source(server, zones=("CPU Package", "GPU Package"))
    assert len(values(made)) == 3
    server.body = server.body.replace(b'"GPU Package"', b'"Gone"')
    assert len(values(made)) == 2


def test_a_host_that_is_off_may_stand_for_the_node_already() -> None:
    with lhm_server() as fake:
        pass
    made = source(fake, zones=("CPU Package", "CPU Total"))
    before = made.description.channels
    assert [channel.id for channel in before] == ["lhm/cpu-package/power_watts"]
    primary = choose_primary(("lhm",), [made.description])
    assert primary is not None
    assert primary.scope is Scope.PACKAGE


def test_what_was_expected_is_what_is_found(server: FakeLhm) -> None:
    expected = source(FakeLhm("http://127.0.0.1:1"), zones=("CPU Package",)).description.channels
    found = source(server, zones=("CPU Package",)).description.channels
    assert set(expected) < set(found)


def test_a_daemon_that_starts_asks_once(server: FakeLhm) -> None:
    server.status = 503
    made = source(server)
    for _ in range(3):
        assert made.description.channels == ()
    assert len(server.asked) == 1


def test_a_chunk_larger_than_memory_is_garbage(server: FakeLhm) -> None:
    server.pack, server.headers = False, {"Transfer-Encoding": "chunked"}
    server.body = b"f" * 40 + b"\r\n{}"
    with pytest.raises(SourceUnavailable, match="talking to") as caught:
        source(server).read()
    assert caught.value.reason == "garbage"
