"""The first look: a daemon on this machine's real sources, an example command, its summary and report.

Where no meter is configured a simulated one follows the CPU use of this machine, so that what is seen
makes sense; everything that comes of it says `simulated`.
"""

import os
import secrets
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from wattwatch.client import LONGEST_SOCKET_BYTES, SOCKET_NAME, xdg_state_directory
from wattwatch.clock import SystemClock
from wattwatch.config.load import load_settings
from wattwatch.config.settings import Settings
from wattwatch.daemon.node import Node
from wattwatch.daemon.service import with_simulated_meter
from wattwatch.errors import ConfigError
from wattwatch.signals import Bell
from wattwatch.sources.base import UmSpec

DEMO_SECONDS: Final = 10
_LISTEN: Final = "127.0.0.1:9816"
_ANY_PORT: Final = "127.0.0.1:0"
_BURN: Final = """
import os, time
end = time.monotonic() + float(os.environ["BURN_SECONDS"])
while time.monotonic() < end:
    sum(i * i for i in range(10_000))
"""
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Demo:
    """What is up: where to look, and what the example's report and exit status were."""

    url: str
    report: Path
    exit_status: int


def run_demo(environment: Mapping[str, str], say: Say, *, once: bool) -> int:
    """Measure an example and show where to look; unless `once`, serve until Ctrl-C.

    The exit status of the example. ConfigError, StoreError or MissingExtra if it cannot start.
    """
    directory = xdg_state_directory(environment) / "demo"
    with ExitStack() as undo:
        node = _start_node(environment, directory, undo, say)
        shown = _measure(node, directory, {**environment, "BURN_SECONDS": str(DEMO_SECONDS)}, say)
        if shown.exit_status == 0:
            say(f"report: {shown.report}")
        if not once:
            stopping = Bell()
            stopping.rung_by_signals()  # before anybody is told: Ctrl-C may come at once
            say(f"look at {shown.url}/ and {shown.url}/metrics (Ctrl-C ends it)")
            stopping.wait()
    return shown.exit_status


def _start_node(environment: Mapping[str, str], directory: Path, undo: ExitStack, say: Say) -> Node:
    settings = _settings(environment, directory)
    if any(isinstance(spec, UmSpec) for spec in settings.sources):
        say("measuring with the configured meter")
    else:
        say("no meter is configured: a simulated UM24C follows this machine's CPU use")
        settings = with_simulated_meter(settings, "host", SystemClock(), undo)
    node = _started(settings, say)
    undo.callback(node.stop)
    say(f"daemon: {node.url}/")
    return node


def _settings(environment: Mapping[str, str], directory: Path) -> Settings:
    """The user's settings, with state, socket and token of the demo's own."""
    settings = load_settings(None, environment)
    directory.mkdir(parents=True, exist_ok=True)
    token_file = directory / "token"
    if not token_file.exists():
        token_file.touch(mode=0o600)
        token_file.write_text(secrets.token_urlsafe(32) + "\n", encoding="ascii")
    server = replace(settings.server, listen=_LISTEN, socket=_socket(directory), token_file=token_file)
    return replace(settings, server=server, store=replace(settings.store, path=directory / "wattwatch.db"))


def _socket(directory: Path) -> Path:
    """In the state directory, unless its path is longer than a Unix socket's may be."""
    path = directory / SOCKET_NAME
    if len(os.fsencode(path)) <= LONGEST_SOCKET_BYTES:
        return path
    return Path(tempfile.mkdtemp(prefix="wattwatch-demo-")) / path.name


def _started(settings: Settings, say: Say) -> Node:
    """A started node; where the usual port is taken, on a free one."""
    node = Node(settings, SystemClock())
    try:
        node.start()
    except ConfigError as error:
        if _LISTEN not in str(error):
            raise
        say(f"{error}; taking a free port instead")
        node = Node(replace(settings, server=replace(settings.server, listen=_ANY_PORT)), SystemClock())
        node.start()
    return node


def _measure(node: Node, directory: Path, environment: Mapping[str, str], say: Say) -> Demo:
    """Tag an example command as any user would, and write its report."""
    report = directory / "report.html"
    wattwatch = (sys.executable, "-m", "wattwatch")
    burn = (sys.executable, "-c", _BURN)
    tag_run = ("tag-run", "--name", "example", "--phase", "training", "--", *burn)
    say(f"$ wattwatch {shlex.join(tag_run[:-2])} -c '...'   ({DEMO_SECONDS} s of CPU load)")
    child_environment = {**environment, "WATTWATCH_SOCKET": str(node.socket_path)}
    status = subprocess.run([*wattwatch, *tag_run], env=child_environment, check=False).returncode  # noqa: S603
    if status == 0:
        command = [*wattwatch, "report", "last", "--output", str(report)]
        status = subprocess.run(  # noqa: S603 - our own command
            command, env=child_environment, check=False, stdout=subprocess.DEVNULL
        ).returncode
    return Demo(node.url, report, status)
