"""What a user with a Pi does, inside a booted Debian: install, configure, break, reload, uninstall.

Runs there with Debian's own Python, so the standard library has to do. Each step appends a line of JSON to
/out/results.jsonl; the test outside judges them.
"""

import json
import os
import re
import signal
import subprocess
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

RESULTS = Path("/out/results.jsonl")
CONFIG = Path("/etc/wattwatch/wattwatch.toml")
SOCKET = Path("/run/wattwatch/wattwatch.sock")
DROP_IN = Path("/etc/systemd/system/wattwatch.service.d/test.conf")
METER = """
[store]
path = "/var/lib/wattwatch/simulated.db"
[[source]]
type = "um24c"
name = "meter"
url = "socket://127.0.0.1:2400"
simulated = true
"""
PROBE = """
import ctypes, json, os, socket
def tried(act):
    try:
        act()
    except OSError as error:
        return error.strerror
    return "done"
def bus():
    socket.socket(socket.AF_UNIX).connect("/run/dbus/system_bus_socket")
clock = ctypes.CDLL(None, use_errno=True).adjtimex(ctypes.create_string_buffer(208))
print(json.dumps({
    "adjtimex": clock,
    "groups": sorted(os.getgroups()),
    "shared_memory": tried(lambda: open("/dev/shm/probe", "w").close()),
    "state": tried(lambda: open("/var/lib/wattwatch/probe", "w").close()),
    "system_bus": tried(bus),
    "usr": tried(lambda: open("/usr/probe", "w").close()),
    "shadow": tried(lambda: open("/etc/shadow").close()),
    "home": tried(lambda: os.listdir("/root")),
    "packet_socket": tried(lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW)),
    "set_clock": tried(lambda: __import__("time").clock_settime(0, 1e9)),
}))
"""


def record(step: str, **facts: Any) -> None:
    with RESULTS.open("a", encoding="utf-8") as file:
        file.write(json.dumps({"step": step, "at_seconds": round(time.monotonic(), 1), **facts}) + "\n")


def run(*command: str, **environment: str) -> dict[str, Any]:
    done = subprocess.run(
        command, capture_output=True, text=True, env={**os.environ, **environment}, timeout=120, check=False
    )
    return {"status": done.returncode, "out": done.stdout[-60000:], "err": done.stderr[-2000:]}


def show(*properties: str) -> dict[str, str]:
    out = run("systemctl", "show", "wattwatch", *(f"--property={name}" for name in properties))["out"]
    return dict(line.split("=", 1) for line in out.splitlines())


def until(condition: Callable[[], Any], seconds: float = 20.0) -> Any:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            if value := condition():
                return value
        except (OSError, ValueError):
            pass
        time.sleep(0.1)
    return None


def page() -> str:
    with urllib.request.urlopen("http://127.0.0.1:9816/metrics", timeout=5) as answer:
        body: bytes = answer.read()
    return body.decode()


def sample(pattern: str) -> float | None:
    match = re.search(rf"^wattwatch_{pattern} (\S+)$", page(), re.MULTILINE)
    return None if match is None else float(match[1])


def joules() -> float:
    return sample(r"node_energy_joules_total\{.*\}") or 0.0


def grown(above: float) -> float | None:
    now = joules()
    return now if now > above else None


def make(target: str, **environment: str) -> dict[str, Any]:
    wheels = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": "/wheels"}
    return run("make", "-C", "/src/wattwatch", target, **wheels, **environment)


def install() -> None:
    started = time.monotonic()
    done = make("install")
    record("install", seconds=time.monotonic() - started, **done)
    record("after-install", **show("ActiveState", "SubState", "User", "NotifyAccess", "StatusText"))
    record("user", **run("id", "wattwatch"), gid=SOCKET.stat().st_gid)
    record("enabled", **run("systemctl", "is-enabled", "wattwatch"))


def configure() -> None:
    run("systemd-run", "--unit=meter", "/usr/local/bin/wattwatch", "simulate", "um24c",
        "--profile", "constant", "--listen", "127.0.0.1:2400")  # fmt: skip
    CONFIG.write_text(CONFIG.read_text() + METER)
    DROP_IN.parent.mkdir(exist_ok=True)
    DROP_IN.write_text("[Service]\nWatchdogSec=4s\n")
    run("systemctl", "daemon-reload")
    record("restart", **run("systemctl", "restart", "wattwatch"))
    record("measuring", joules=until(lambda: grown(3.0)))
    record("status", text=until(lambda: "meter 5." in (text := show("StatusText")["StatusText"]) and text))


def members() -> None:
    for user, groups in (("ada", ("--groups", "wattwatch")), ("bob", ())):
        run("useradd", *groups, user)
        record(f"sources-{user}", **run("runuser", "-u", user, "--", "wattwatch", "sources", "--json"))


def sandbox() -> None:
    unit = Path("/etc/systemd/system/wattwatch.service").read_text()
    unit = re.sub(r"(?m)^(Type=notify|ExecReload.*|WatchdogSec.*|Restart.*|RuntimeDirectory.*)$", "", unit)
    unit = re.sub(r"(?m)^ExecStart=.*$", "ExecStart=/opt/wattwatch/bin/python /probe.py", unit)
    unit += "\n[Service]\nType=oneshot\nStandardOutput=file:/out/probe.json\n"
    Path("/probe.py").write_text(PROBE)
    Path("/etc/systemd/system/probe.service").write_text(unit)
    run("systemctl", "daemon-reload")
    started = run("systemctl", "start", "probe")
    record("sandbox", **started, probe=json.loads(Path("/out/probe.json").read_text()))


def watchdog() -> None:
    before = joules()
    os.kill(int(show("MainPID")["MainPID"]), signal.SIGSTOP)
    until(lambda: show("NRestarts")["NRestarts"] != "0", 30)
    until(lambda: show("ActiveState")["ActiveState"] == "active")
    after = until(lambda: grown(before))
    seconds = {
        state: sample(rf'energy_seconds_total\{{.*source="meter".*state="{state}".*\}}')
        for state in ("missing", "recovered")
    }
    log = run("journalctl", "--unit=wattwatch", "--no-pager", "--output=cat")["out"]
    said = {"killed": "Watchdog timeout" in log, "stacks": "Fatal Python error: Aborted" in log}
    record("watchdog", before=before, after=after, **seconds, **said, **show("NRestarts", "ActiveState"))


def has_heat() -> bool:
    return sample(r'source_up\{.*source="heat".*\}') is not None


def process() -> str:
    return show("MainPID")["MainPID"]


def reload() -> None:
    good = CONFIG.read_text()
    CONFIG.write_text(good + '[[source]]\ntype = "thermal"\nname = "heat"\n')
    good_and_bad(good)
    CONFIG.write_text(good)
    text = until(lambda: "refused" not in (now := show("StatusText")["StatusText"]) and now, 30)
    record("mended", text=text, **show("ActiveState"))


def good_and_bad(good: str) -> None:
    number, before = process(), joules()
    done = run("systemctl", "reload", "wattwatch")
    heat, after = until(has_heat), until(lambda: grown(before))
    record("good", **done, heat=heat, before=before, after=after, same=process() == number)
    CONFIG.write_text(good + "[sampling]\ngap = 3\n")
    done = run("systemctl", "reload", "wattwatch")
    run("systemctl", "kill", "--signal=HUP", "wattwatch")
    text = until(lambda: "refused" in (now := show("StatusText")["StatusText"]) and now)
    before, heat = joules(), has_heat()
    after = until(lambda: grown(before))
    record("bad", **done, text=text, heat=heat, before=before, after=after, same=process() == number)


def stop() -> None:
    before = joules()
    stopped = run("systemctl", "stop", "wattwatch")
    state = show("ActiveState", "Result")
    left = SOCKET.exists()
    run("systemctl", "start", "wattwatch")
    record("stop", **stopped, **state, socket_left=left, before=before, after=until(lambda: grown(before)))


def install_again() -> None:
    edited, before = CONFIG.read_text(), joules()
    done = make("install")
    after = until(lambda: grown(before))
    record("again", **done, kept=CONFIG.read_text() == edited, before=before, after=after)


def there(*paths: str) -> list[str]:
    return [path for path in paths if os.path.lexists(path)]


def uninstall() -> None:
    done = make("uninstall")
    left = there(
        "/usr/local/bin/wattwatch",
        "/opt/wattwatch",
        "/run/wattwatch",
        "/etc/systemd/system/wattwatch.service",
        "/etc/systemd/system/multi-user.target.wants/wattwatch.service",
        "/etc/udev/rules.d/60-wattwatch.rules",
        "/usr/lib/sysusers.d/wattwatch.conf",
        "/usr/lib/tmpfiles.d/wattwatch.conf",
    )
    kept = there(str(CONFIG), "/var/lib/wattwatch/simulated.db")
    active = run("systemctl", "is-active", "wattwatch")["status"] == 0
    record("uninstall", **done, left=left, kept=kept, active=active)
    done = make("uninstall", PURGE="1")
    left = there("/etc/wattwatch", "/var/lib/wattwatch")
    record("purge", **done, left=left, user=run("id", "wattwatch")["status"] == 0)


def main() -> None:
    record("booted", **run("systemctl", "--version"))
    for step in (install, configure, members, sandbox, watchdog, reload, stop, install_again, uninstall):
        try:
            step()
        except Exception as error:  # noqa: BLE001 - whatever it is, the test outside has to see it
            record("failed", step_name=step.__name__, error=repr(error))
            break
    log = run("journalctl", "--no-pager", "--output=short-monotonic", "--unit=wattwatch")["out"]
    record("journal", log=log)


if __name__ == "__main__":
    main()
