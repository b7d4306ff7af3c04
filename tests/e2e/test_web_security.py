"""web.yml as its operator meets it: real Prometheus over TLS, and one line for what is wrong."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from support.daemon_process import DaemonProcess, Home, free_port, until
from support.prometheus_process import PrometheusProcess, need_prometheus
from support.raw_http import Answer
from support.tls import HASH, MUTUAL, PASSWORD, Pki, ask_tls

pytestmark = pytest.mark.timeout(120)
UP = 'up{job="wattwatch"}'


class Port:
    """A server of another process, for `ask_tls`."""

    def __init__(self, port: int) -> None:
        self.address = f"127.0.0.1:{port}"


@pytest.fixture(name="pki")
def _pki(tmp_path: Path) -> Pki:
    return Pki(tmp_path / "pki")


def secured(directory: Path, web_yml: Path) -> Home:
    home = Home(directory / "home", port=free_port())
    text = home.config.read_text().replace("[server]\n", f'[server]\nweb_config = "{web_yml}"\n')
    home.config.write_text(text)
    return home


def ask(home: Home, pki: Pki, path: str = "/metrics", client: Path | None = None) -> Answer:
    return ask_tls(Port(home.port), pki.trusting(client), path)  # type: ignore[arg-type]


@contextmanager
def ready(home: Home) -> Iterator[DaemonProcess]:
    with home.daemon().ready() as daemon:
        yield daemon
        assert daemon.end() == 0
        assert "Traceback" not in daemon.text


def job(pki: Pki, client: Path | None = None, password: str = "") -> str:
    """Keys of a scrape job; JSON is YAML's flow form."""
    tls = {"ca_file": str(pki.directory / "ca.pem"), "server_name": "localhost"}
    if client is not None:
        tls |= {"cert_file": str(client), "key_file": str(client)}
    lines = ["scheme: https", f"tls_config: {json.dumps(tls)}"]
    if password:
        lines.append(f"basic_auth: {json.dumps({'username': 'prometheus', 'password': password})}")
    return "\n    ".join(lines)


@pytest.mark.prometheus
def test_prometheus_scrapes_over_tls_with_a_password(tmp_path: Path, pki: Pki) -> None:
    need_prometheus()
    home = secured(tmp_path, pki.web_yml(users={"prometheus": HASH}))
    with ready(home), PrometheusProcess(tmp_path / "p", home.port, job(pki, password=PASSWORD)) as prometheus:
        prometheus.wait_up()
        assert prometheus.value('wattwatch_build_info{node="pi-1"}') == 1
        assert ask(home, pki).status == 401
        pki.renew_server()  # a renewed certificate is taken up, and the scrapes go on
        renewed_at = time.time()
        until(lambda: prometheus.query(f"timestamp({UP} == 1) > {renewed_at + 4}"), 30, "later scrapes")
        assert prometheus.value(f"min_over_time({UP}[{round(time.time() - renewed_at)}s])") == 1


@pytest.mark.prometheus
def test_prometheus_scrapes_with_a_client_certificate(tmp_path: Path, pki: Pki) -> None:
    need_prometheus()
    sans = "client_allowed_sans: [prometheus.example.org]"
    home = secured(tmp_path, pki.web_yml(tls=(*MUTUAL, sans)))
    client = pki.client("prometheus", "prometheus.example.org")
    with ready(home), PrometheusProcess(tmp_path / "p", home.port, job(pki, client)) as prometheus:
        prometheus.wait_up()
        assert prometheus.value(UP) == 1


@pytest.mark.prometheus
@pytest.mark.parametrize("wrong", ["password", "certificate"])
def test_prometheus_is_down_with_the_wrong_credentials(tmp_path: Path, pki: Pki, wrong: str) -> None:
    need_prometheus()
    mutual = MUTUAL if wrong == "certificate" else ()
    home = secured(tmp_path, pki.web_yml(tls=mutual, users={"prometheus": HASH}))
    stranger = Pki(tmp_path / "other").client("stranger") if wrong == "certificate" else None
    password = "wrong" if wrong == "password" else PASSWORD
    more = job(pki, stranger, password)
    with ready(home), PrometheusProcess(tmp_path / "p", home.port, more) as prometheus:
        until(lambda: prometheus.query(f"{UP} == 0"), 30, "a failed scrape")


def test_the_daemon_says_where_to_look_and_its_own_commands_need_no_password(
    tmp_path: Path, pki: Pki
) -> None:
    home = secured(tmp_path, pki.web_yml(users={"alice": HASH}))
    with ready(home) as daemon:
        assert f"ready: https://127.0.0.1:{home.port}/" in daemon.text
        assert json.loads(home.run("sources", "--json").stdout)["node"] == "pi-1"


WRONG = [
    ("tls_server_config: {cert_file: none.pem, key_file: server.key}", "cert_file: "),
    ("basic_auth_users: {alice: secret}", "basic_auth_users.alice: expected a bcrypt hash"),
    ("nonsense: {}", "nonsense: unknown key"),
    ("[", "is not YAML"),
    (None, "cannot be read: No such file"),
]


@pytest.mark.parametrize(("content", "said"), WRONG)
def test_what_is_wrong_is_one_line_and_exit_2(
    tmp_path: Path, pki: Pki, content: str | None, said: str
) -> None:
    web_yml = pki.directory / "web.yml"
    if content is not None:
        web_yml.write_text(content)
    home = secured(tmp_path, web_yml)
    checked = home.run_alone("check-config", str(home.config))
    assert (checked.returncode, checked.stdout) == (2, "")
    (line,) = checked.stderr.splitlines()
    assert line.startswith(f"wattwatch: {web_yml}: ")
    assert said in line
    with home.daemon() as daemon:
        assert daemon.process.wait(20) == 2
        daemon.joined()
        assert daemon.text == f"{line}\n"


def test_a_good_one_is_confirmed(tmp_path: Path, pki: Pki) -> None:
    home = secured(tmp_path, pki.web_yml(tls=MUTUAL, users={"alice": HASH}))
    checked = home.run_alone("check-config", str(home.config))
    assert (checked.returncode, checked.stderr) == (0, "")
    assert f'web_config = "{pki.directory / "web.yml"}"' in checked.stdout


@pytest.mark.parametrize(("package", "needed"), [("yaml", "yaml"), ("bcrypt", "bcrypt")])
def test_a_missing_extra_is_one_line(tmp_path: Path, pki: Pki, package: str, needed: str) -> None:
    home = secured(tmp_path, pki.web_yml(users={"alice": HASH}))
    stub = tmp_path / "stub"
    stub.mkdir()
    # What an import of a package that is not installed raises.
    (stub / f"{package}.py").write_text(f"raise ModuleNotFoundError('no', name={package!r})")
    home.environment["PYTHONPATH"] = f"{stub}:{home.environment.get('PYTHONPATH', '')}"
    checked = home.run_alone("check-config", str(home.config))
    assert checked.returncode == 1
    expected = f"[server] web_config needs {needed}: pip install 'wattwatch[web]'"
    assert checked.stderr == f"wattwatch: {expected}\n"
