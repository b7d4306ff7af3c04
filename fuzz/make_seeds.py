"""Writes fuzz/corpus: seeds built by us from the documented formats, none of them captured.

Run it as `PYTHONPATH=tests python fuzz/make_seeds.py` after changing a seed, and commit what it wrote.
"""

import json
import sys
from pathlib import Path

from support.um_frames import frame

CORPUS = Path(__file__).parent / "corpus"

_BOMB = "\n".join(["a: &a0 [x, x]", *(f"b{n}: &a{n} [*a{n - 1}, *a{n - 1}]" for n in range(1, 60))])
_BCRYPT = "$2b$10$" + "a" * 53
WEB_YML = f"""basic_auth_users:
  ann: {_BCRYPT}
rate_limit:
  interval: 1s
  burst: 9
"""

CONFIG = """node = "pi-1"
primary = ["meter", "rapl"]
fallback = "host"
discover = false
[server]
listen = "[::]:9816"
token_file = "/etc/wattwatch/token"
[sampling]
gap_seconds = 3.0
[store]
retention = "30d"
max_bytes = "2GiB"
[[source]]
type = "um24c"
name = "meter"
address = "00:15:A6:01:AA:BB"
interval = "500ms"
nodes = ["pi-1", "pi-2"]
[[source]]
type = "lhm"
name = "host"
url = "http://vm-host:8085/data.json"
zones = ["CPU Package"]
[[source]]
type = "rapl"
name = "rapl"
root = "/sys"
"""

LHM = {
    "Text": "Sensor",
    "Children": [
        {
            "Text": "PC",
            "Children": [
                {
                    "Text": "CPU",
                    "Children": [
                        {
                            "Text": "Powers",
                            "Children": [
                                {
                                    "Text": "CPU Package",
                                    "Value": "42,0 W",
                                    "Type": "Power",
                                    "SensorId": "/p/0",
                                },
                                {"Text": "CPU Cores", "RawValue": 12.5, "Type": "Power", "SensorId": "/p/1"},
                            ],
                        },
                        {"Text": "Temperatures", "Children": [{"Text": "Core #1", "Value": "98.6 °F"}]},
                    ],
                }
            ],
        }
    ],
}

_CHANNEL = {
    "zone": "vbus",
    "quantity": "power_watts",
    "kind": "power",
    "scope": "board",
    "quality": "metered",
}
_IDENTITY = {"model": "UM24C", "address": "00:15:A6:01:AA:BB", "group": 0, "full_scale_watts": 93.6}
RELAY = {
    "source": "meter",
    "type": "um24c",
    "detail": "socket://x",
    "interval_seconds": 0.5,
    "state": "up",
    "last_error": "",
    "channels": [_CHANNEL],
    "counter_limits": [_CHANNEL | {"range_joules": 262143.3, "max_watts": None}],
    "layouts": [{"identity": _IDENTITY, "channels": [_CHANNEL]}, {"identity": None, "channels": [_CHANNEL]}],
    "rows": [
        {"boot_id": "there", "boot_seconds": 5990.5, "layout": 0, "values": [5.25]},
        {"boot_id": "there", "boot_seconds": 5991.0, "layout": 1, "values": [None]},
    ],
    "next": "WyJ0aGVyZSJd",
    "more": False,
    "node": "pi-2",
    "boot_id": "there",
    "unix_minus_boot_seconds": 1_700_000_000.0,
    "received_boot_seconds": 6000.0,
    "sent_boot_seconds": 6000.0,
}

DEVICES = [
    {"Address": "00:1A:7D:DA:71:13", "Powered": True},
    {
        "Address": "00:15:A6:01:AA:BB",
        "Name": "UM24C",
        "Adapter": "/org/bluez/hci0",
        "Paired": True,
        "UUIDs": ["00001101-0000-1000-8000-00805f9b34fb"],
    },
    {"Address": "C0:FF:EE:00:00:01", "Alias": "\x1b[2JE-test BLE\n", "Paired": True, "UUIDs": []},
]

PMIC = (
    "3V3_SYS_A current(1)=0.07612140A\n VDD_CORE_A current(7)=2.85600000A\n"
    "3V3_SYS_V volt(9)=3.32120000V\n VDD_CORE_V volt(15)=0.87650000V\n EXT5V_V volt(24)=5.15000000V\n"
)


def _http(request: str, body: str = "", where: str = "\1") -> bytes:
    length = f"Content-Length: {len(body)}\r\n" if body else ""
    return f"{where}{request} HTTP/1.1\r\nHost: x\r\n{length}\r\n{body}".encode()


def _answer(body: str, head: str = "HTTP/1.1 200 OK") -> bytes:
    return f"{head}\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode()


def _sysfs(kind: int, *contents: str) -> bytes:
    return bytes([kind]) + "\n\n".join(contents).encode()


def _of_meters() -> dict[str, dict[str, bytes]]:
    whole = frame()
    return {
        "frame": {
            "um24c": whole,
            "um25c": frame(model="UM25C"),
            "um34c": frame(model="UM34C"),
            "short": whole[:9],
        },
        "stream": {
            "frames": b"\x3f\0\0\2\x05\0\x32\0\1\1\x03abc\0\1\1\xf6\0\x40\2\7\2\0\1\0\1\0\1\x60",
            "false-starts": b"\x11\4\x41\0\0\2\x05\0\x32\0\1",
            "damaged": b"\x82\3\2\1\xf6\1\x10\3\7\x09\x55\0\2\2\x05\0\x32\0\1",
        },
        "capture": {
            "binary": b"\0junk" + whole,
            "hex": whole.hex(" ").encode() + b"\nno hex here\n0x" + whole.hex().encode(),
            "mark": b"\xef\xbb\xbf09:63",
        },
        "pmic": {
            "rails": f"{PMIC}\n\nthrottled=0x50005".encode(),
            "cut": f"{PMIC[:70]}\n\n".encode(),
            "sysfs": b"50005",
            "twice": f"{PMIC}{PMIC}\n\nthrottled=0x".encode(),
        },
        "sysfs": {
            "rapl": _sysfs(0, "package-0", "123456789", "262143328850", "1", "45000000", "core", "55", "99"),
            "hwmon": _sysfs(1, "ina226", "5675000", "VDD", "36", "5104", "powerz", "5121", "-812"),
            "hwmon-odd": _sysfs(1, "coretemp", "9" * 63, "a\0b/c", "-1", "1_0", "amdgpu", "\xff", ""),
            "thermal": _sysfs(2, "cpu-thermal", "48312", "cpu-thermal", "-1e9"),
            "cooling": _sysfs(3, "pwm-fan", "2", "4"),
            "supply": _sysfs(
                4, "Battery", "System", "Discharging", "0", "11400000", "1250000", "1", "88", "301"
            ),
        },
        "bluez": {"room": json.dumps(DEVICES).encode(), "empty": b"[{}]"},
    }


def _of_documents() -> dict[str, dict[str, bytes]]:
    document = json.dumps(RELAY)
    return {
        "config": {
            "whole": CONFIG.encode(),
            "wrong": b'[store]\nretention = "30 years"\n',
            "deep": b"x = " + b"[" * 300,
            "large-number": b"[sampling]\ngap_seconds = 1" + b"0" * 400,
            "huge-number": b"node = 0x" + b"f" * 4000,
            "endless-port": b"[server]\nlisten = '[::]:9" + b"f" * 3000 + b"'",
            "endless-number": b"node = " + b"9" * 4400,
        },
        "web_yml": {
            "whole": WEB_YML.encode(),
            "tls": b'tls_server_config:\n  cert: "\\uD800"\n  key_file: "a\\0b"\n  min_version: TLS12\n',
            "headers": b'http_server_config:\n  http2: no\n  headers:\n    X-Frame-Options: "deny"\n',
            "bomb": _BOMB.encode(),
            "itself": b"&a [*a]\n",
            "deep": b"{a: " * 500,
            "twice": b"rate_limit: {burst: 1, burst: 2}\n",
            "endless-number": b"rate_limit: {interval: 1s, burst: " + b"9" * 4400 + b"}\n",
        },
        "lhm": {
            "tree": json.dumps(LHM).encode(),
            "old": json.dumps(LHM).replace("RawValue", "Value").encode("utf-16"),
            "deep": b'{"Children":[' * 300,
            "numbers": b'{"Children":[{"Type":"Power","RawValue":1e999},{"Type":"Load","Value":"9.9.9 %"}]}',
        },
        "lhm_http": {
            "tree": _answer(json.dumps(LHM)),
            "asks": _answer("", "HTTP/1.1 401 Unauthorized"),
            "elsewhere": _answer("", "HTTP/1.1 302 Found\r\nLocation: /Sensor?action=Set"),
            "page": _answer("<html>"),
            "large-chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"f" * 40 + b"\r\n{}",
            "not-packed": _answer("{}", "HTTP/1.1 200 OK\r\nContent-Encoding: gzip"),
            "chunks": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{}   \r\nzz",
        },
        "relay": {
            "rows": document.encode(),
            "future": document.replace("5991.0", "1e300").encode(),
            "not-a-number": document.replace("6000.0", "NaN").encode(),
            "large": document.replace("0.5,", "1" + "0" * 400 + ",").encode(),
            "surrogate": document.replace('"vbus"', '"\\ud800"').encode(),
            "identity": document.replace("93.6", '"x"').encode(),
            "deep": b"[" * 3000,
            "refused": b"!" + _answer('{"detail": "no\\nsuch"}', "HTTP/1.1 404 Not Found"),
            "cut": b"!HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{",
            "endless": b"!HTTP/1.1 200 OK\r\nContent-Length: 9" + b"0" * 30 + b"\r\n\r\n{",
            "large-chunk": b"!HTTP/1.1 500 No\r\nTransfer-Encoding: chunked\r\n\r\n" + b"f" * 40 + b"\r\n{}",
            "sent-before": document.replace(
                '"sent_boot_seconds": 6000.0', '"sent_boot_seconds": 1.0'
            ).encode(),
        },
    }


def _of_the_web() -> dict[str, dict[str, bytes]]:
    return {
        "http": {
            "page": _http("GET /"),
            "metrics": _http("GET /metrics", where="\0"),
            "twice": _http("GET /-/ready") + _http("HEAD /v1/sources")[1:],
            "query": _http("GET /v1/readings?channel=meter/vbus/power_watts&limit=2"),
            "body": _http("POST /v1/echo/a%2Fb", '{"a": [1, "\\ud800"]}'),
            "deep": _http("POST /v1/echo/a", "[" * 3000),
            "token": b"\0GET /v1/sources HTTP/1.1\r\nAuthorization: Bearer secret\r\n\r\n",
            "continue": b"\1POST /v1/echo/a HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n{}",
            "odd": b"\0GET * HTTP/1.1\n\n",
        },
        "runs": {
            "open": b'\0{"name":"mnist","experiment":"e","labels":{"lr":"0.1"},"phase":"load","hold":true}',
            "at": b'\0{"at":{"boot_id":"boot-1","boot_seconds":1000}}',
            "phase": b'\1{"phase":"training","nested":true}',
            "close": b'\1{"close":true,"at":"2023-11-14T22:30:01Z"}',
            "start": b'\2{"at":{"boot_id":"boot-1","boot_seconds":NaN}}',
            "end": b'\3{"exit_status":3,"started_at":"0001-01-01T00:00:00+23:59"}',
            "large": b'\3{"exit_status":1'
            + b"0" * 400
            + b',"at":{"boot_id":"boot-1","boot_seconds":-1e300}}',
            "surrogate": b'\0{"command":"\\ud800","token":"\\ud800","run_id":"known"}',
            "deep": b"\0" + b"[" * 3000,
            "list": b"\4limit=5",
            "get": b"\5known",
        },
        "readings": {
            "page": b"\0channel=meter/vbus/power_watts&limit=3&start=1970-01-01T00:00:00Z",
            "batches": b"\0source=meter&boot_seconds=1e308",
            "time": b"\0channel=meter/vbus/power_watts&end=9999-12-31T23:59:59-23:59",
            "text": b"\1WyJib290LTEiLCAxMDAwLjUsIDEuMF0",
            "cursor": b'\2["boot-1",1001.5,1700001001.5]',
            "batch-cursor": b'\3["boot-0",1001.5,1700001001.5]',
            "far": b'\2["boot-1",1e300,-1e300]',
            "deep": b"\2" + b"[" * 3000,
        },
    }


def all_seeds() -> dict[str, dict[str, bytes]]:
    """Every seed by target and name."""
    return _of_meters() | _of_documents() | _of_the_web()


def main() -> None:
    """Write every seed."""
    for target, seeds in all_seeds().items():
        directory = CORPUS / target
        directory.mkdir(parents=True, exist_ok=True)
        for name, data in seeds.items():
            (directory / name).write_bytes(data)
        sys.stdout.write(f"{target}: {len(seeds)} seeds\n")


if __name__ == "__main__":
    main()
