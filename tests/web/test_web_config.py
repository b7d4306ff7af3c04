"""web.yml: what it may say, and one line with file and key for whatever is wrong in it."""

import os
import re
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from support.tls import HASH, Pki
from wattwatch.errors import ConfigError
from wattwatch.web.security import WebSecurity
from wattwatch.web.web_config import RateLimit, read_web_config

GOOD = f"""
tls_server_config:
  cert_file: server.pem
  key_file: /etc/key.pem
  client_auth_type: RequireAndVerifyClientCert
  client_ca_file: sub/ca.pem
  client_allowed_sans: [prometheus.example.org, 10.0.0.1]
  min_version: TLS13
  max_version: TLS13
  cipher_suites:
    - TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256
  prefer_server_cipher_suites: false
  curve_preferences: [X25519]
http_server_config:
  http2: true
  headers:
    X-Frame-Options: deny
    Strict-Transport-Security: max-age=600
    X-Content-Type-Options: nosniff
    X-XSS-Protection:
basic_auth_users:
  alice: {HASH}
  007: {HASH.replace("$2b$", "$2y$")}
rate_limit: {{interval: 500ms, burst: 20}}
"""


@pytest.fixture(name="pki", scope="module")
def _pki(tmp_path_factory: pytest.TempPathFactory) -> Pki:
    return Pki(tmp_path_factory.mktemp("pki"))


def written(directory: Path, text: str) -> Path:
    path = directory / "web.yml"
    path.write_text(text, encoding="utf-8")
    return path


def test_all_that_the_format_has_is_read(tmp_path: Path) -> None:
    file = written(tmp_path, GOOD)
    config = read_web_config(file)
    assert config.tls is not None
    assert config.tls.cert.file == tmp_path / "server.pem"  # relative to web.yml
    assert config.tls.key.file == Path("/etc/key.pem")
    assert config.tls.client_allowed_sans == ("prometheus.example.org", "10.0.0.1")
    assert not config.tls.prefer_server_cipher_suites
    assert config.headers == (("X-Frame-Options", "deny"), ("Strict-Transport-Security", "max-age=600"))
    assert config.users.keys() == {"alice", "007"}  # a name stays a name, whatever YAML takes it for
    assert config.rate_limit == RateLimit(0.5, 20)
    assert config.files == (file, tmp_path / "server.pem", Path("/etc/key.pem"), tmp_path / "sub/ca.pem")


@pytest.mark.parametrize(
    "text", ["", "# nothing\n", "tls_server_config:\nbasic_auth_users:\n", "rate_limit: {interval: 0}"]
)
def test_a_file_that_asks_for_nothing(tmp_path: Path, text: str) -> None:
    config = read_web_config(written(tmp_path, text))
    assert (config.tls, config.headers, config.users, config.rate_limit) == (None, (), {}, None)


TLS = "tls_server_config: {cert_file: server.pem, key_file: server.key, "
WRONG = [
    ("tls: {}", "tls: unknown key; allowed: tls_server_config, "),
    ("tls_server_confg: {}", "tls_server_confg: unknown key (did you mean tls_server_config?)"),
    (TLS + "ciphers: []}", "tls_server_config.ciphers: unknown key"),
    ("http_server_config: {headers: {Server: x}}", "http_server_config.headers.Server: unknown key"),
    ("tls_server_config: 5", "tls_server_config: expected keys below it, got '5'"),
    ("- a\n- b", "expected keys below it, got a list"),
    ("tls_server_config: {cert_file: a}", "tls_server_config.key_file: is missing"),
    ("tls_server_config: {key_file: a}", "tls_server_config.cert_file: is missing"),
    (TLS + "cert: x}", "tls_server_config.cert: stands there beside cert_file"),
    (TLS + "cert_file: again}", "line 1: cert_file stands there twice"),
    (TLS + "prefer_server_cipher_suites: maybe}", "prefer_server_cipher_suites: expected one of true, "),
    (TLS + "cipher_suites: AES}", "cipher_suites: expected a list of texts, got 'AES'"),
    (TLS + "min_version: [a]}", "min_version: expected text, got a list"),
    ("http_server_config: {http2: 2}", "http_server_config.http2: expected one of true"),
    (
        "http_server_config: {headers: {X-Frame-Options: allow}}",
        "headers.X-Frame-Options: expected one of deny, sameorigin, got 'allow'",
    ),
    (
        'http_server_config: {headers: {X-XSS-Protection: "a\\r\\nSet-Cookie: b"}}',
        "headers.X-XSS-Protection: holds a character",
    ),
    ("basic_auth_users: {bob: secret}", "basic_auth_users.bob: expected a bcrypt hash"),
    ("basic_auth_users: {bob: }", "basic_auth_users.bob: expected a bcrypt hash"),
    ("basic_auth_users: {'b:b': x}", "basic_auth_users.b:b: a user's name"),
    ("basic_auth_users: {bob: {a: b}}", "basic_auth_users.bob: expected text, got keys"),
    ("basic_auth_users: {bob: $2b$31$" + "a" * 53 + "}", "basic_auth_users.bob: bcrypt cost 31: expected 4"),
    ("rate_limit: {interval: soon, burst: 2}", "rate_limit.interval: expected a duration"),
    ("rate_limit: {interval: 1s, burst: many}", "rate_limit.burst: expected a whole number"),
    ("rate_limit: {interval: 1s}", "rate_limit.burst: is missing"),
    ("tls_server_config: [a", "is not YAML: line 1: "),
    ("a: \x01", "is not YAML: "),
    ("[" * 5000, "is not YAML: nested too deep"),
    ("? {a: b}\n: c", "is not YAML: line 1: "),
    ("#" * 300_000, "is above 262144 bytes"),
]


@pytest.mark.parametrize(("text", "said"), WRONG)
def test_what_is_wrong_is_one_line_with_file_and_key(tmp_path: Path, text: str, said: str) -> None:
    file = written(tmp_path, text)
    with pytest.raises(ConfigError) as caught:
        read_web_config(file)
    line = str(caught.value)
    assert line.startswith(f"{file}: ")
    assert said in line
    assert "\n" not in line
    assert len(line) < 400


IN_VAIN = [
    ("min_version: TLS10", "min_version: expected TLS12 or TLS13"),
    ("min_version: TLS13, max_version: TLS12", "min_version: TLS13 is above max_version"),
    ("max_version: SSL30", "max_version: expected TLS12 or TLS13"),
    ("cipher_suites: [TLS_RSA_WITH_RC4_128_SHA]", "cipher_suites: 'TLS_RSA_WITH_RC4_128_SHA' is not offered"),
    ("cipher_suites: [TLS_AES_128_GCM_SHA256]", "cipher_suites: has suites of TLS 1.3 only"),
    ("curve_preferences: [CurveP256, X25519]", "curve_preferences: Python's ssl takes one curve only"),
    ("curve_preferences: [P256]", "curve_preferences: expected one of X25519, CurveP256"),
    ("client_auth_type: RequireAnyClientCert", "client_auth_type: RequireAnyClientCert takes certificates"),
    ("client_auth_type: RequestClientCert", "client_auth_type: RequestClientCert takes certificates"),
    ("client_auth_type: Always", "client_auth_type: expected one of NoClientCert"),
    ("client_auth_type: RequireAndVerifyClientCert", "client_ca_file: is missing"),
    ("client_ca_file: ca.pem", "client_auth_type: is missing: client_ca is there"),
    ("client_allowed_sans: [a]", "client_allowed_sans: needs client_auth_type"),
    (
        "client_allowed_sans: [a], client_ca_file: ca.pem, client_auth_type: VerifyClientCertIfGiven",
        "client_allowed_sans: needs client_auth_type: RequireAndVerifyClientCert",
    ),
    (
        "client_ca_file: none.pem, client_auth_type: RequireAndVerifyClientCert",
        "client_ca_file: PKI/none.pem cannot be read: No such file",
    ),
    (
        "client_ca_file: server.key, client_auth_type: RequireAndVerifyClientCert",
        "client_ca_file: PKI/server.key holds no certificate",
    ),
]


@pytest.mark.parametrize(("more", "said"), IN_VAIN)
def test_what_python_cannot_do_as_it_stands_there_is_refused(pki: Pki, more: str, said: str) -> None:
    file = written(pki.directory, TLS + more + "}")
    with pytest.raises(ConfigError) as caught:
        WebSecurity(file)
    line = str(caught.value)
    assert line.startswith(f"{file}: tls_server_config.")
    assert said.replace("PKI", str(pki.directory)) in line
    assert "\n" not in line


@pytest.mark.parametrize(
    "more",
    [
        "min_version: TLS12, max_version: TLS12",
        "min_version: TLS13",
        "cipher_suites: [TLS_AES_128_GCM_SHA256, TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256]",
        "curve_preferences: [CurveP384]",
        "curve_preferences: [X25519]",
        "client_auth_type: NoClientCert",
        "client_auth_type: VerifyClientCertIfGiven, client_ca_file: ca.pem",
        "prefer_server_cipher_suites: false",
    ],
)
def test_what_it_can_do_is_put_in_force(pki: Pki, more: str) -> None:
    security = WebSecurity(written(pki.directory, TLS + more + "}"))
    assert security.current().context is not None


FILES = [
    ({"cert": "none.pem"}, r"cert_file: \S+/none.pem cannot be read: No such file"),
    ({"key": "none.key"}, r"key_file: \S+/none.key cannot be read: No such file"),
    ({"cert": "."}, r"cert_file: \S+ cannot be read: Is a directory"),
    ({"key": "other.key"}, r"key_file: \S+/other.key is not the key of the certificate in \S+/server.pem$"),
    ({"key": "server.pem"}, r"key_file: \S+/server.pem holds no private key in PEM form"),
    ({"key": "encrypted.key"}, r"key_file: \S+/encrypted.key is encrypted: give a key without"),
    ({"cert": "web.yml"}, r"cert_file: \S+/web.yml holds no certificate in PEM form"),
    ({"cert": "binary"}, r"cert_file: \S+/binary holds no certificate in PEM form"),
]


@pytest.mark.parametrize(("names", "said"), FILES)
def test_files_that_are_not_what_they_should_be(
    pki: Pki, names: dict[str, str], said: str, capfd: pytest.CaptureFixture[str]
) -> None:
    (pki.directory / "other.key").write_bytes(pki.authority.issue_cert("x").private_key_pem.bytes())
    (pki.directory / "binary").write_bytes(os.urandom(2000))
    (pki.directory / "encrypted.key").write_bytes(encrypted_key())
    chosen = {"cert": "server.pem", "key": "server.key"} | names
    text = "tls_server_config: {cert_file: %(cert)s, key_file: %(key)s}" % chosen  # noqa: UP031 - braces
    with pytest.raises(ConfigError) as caught:
        WebSecurity(written(pki.directory, text))
    assert re.search(said, str(caught.value)), caught.value
    assert "\n" not in str(caught.value)
    assert capfd.readouterr() == ("", "")  # and OpenSSL has asked nobody for a passphrase


def encrypted_key() -> bytes:
    from cryptography.hazmat.primitives import serialization  # noqa: PLC0415 - a large package, for this alone
    from cryptography.hazmat.primitives.asymmetric import ec  # noqa: PLC0415

    return ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(b"secret"),
    )


def test_a_certificate_may_stand_in_the_file_itself(pki: Pki) -> None:
    def indented(name: str) -> str:
        return "\n".join(f"    {line}" for line in (pki.directory / name).read_text().splitlines())

    text = f"tls_server_config:\n  cert: |\n{indented('server.pem')}\n  key: |\n{indented('server.key')}\n"
    file = written(pki.directory, text)
    assert WebSecurity(file).current().context is not None
    assert read_web_config(file).files == (file,)


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ('tls_server_config: {cert_file: "a\\0b", key: k}', "cert_file: holds a NUL"),
        ('tls_server_config: {cert: "\\uD800", key: k}', "cert: holds a NUL, or half a character"),
        ('tls_server_config: {cert: c, key: k, cipher_suites: ["\\uD800"]}', "cipher_suites: holds a NUL"),
        (f"rate_limit: {{interval: 1s, burst: {'9' * 4400}}}", "burst: expected a whole number"),
        (f"rate_limit: {{interval: {'9' * 400}d, burst: 1}}", "interval: expected 30d at most"),
    ],
)
def test_escapes_and_numbers_beyond_all_bounds(tmp_path: Path, text: str, cause: str) -> None:
    with pytest.raises(ConfigError, match=rf"\.{cause}") as caught:
        WebSecurity(written(tmp_path, text))
    assert len(str(caught.value)) < 300


def test_aliases_that_would_multiply_are_shared(tmp_path: Path) -> None:
    lines = ["a: &a0 [x, x]", *(f"b{n}: &a{n} [*a{n - 1}, *a{n - 1}]" for n in range(1, 200))]
    with pytest.raises(ConfigError, match="unknown key"):  # 2 to the 200 elements, if they were copied
        WebSecurity(written(tmp_path, "\n".join(lines)))


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=rf"^{tmp_path}/web.yml: cannot be read: No such file"):
        WebSecurity(tmp_path / "web.yml")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read(tmp_path: Path) -> None:
    file = written(tmp_path, "")
    file.chmod(0)
    with pytest.raises(ConfigError, match="cannot be read: Permission denied"):
        WebSecurity(file)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(st.sampled_from("tls_ervcofghpbadn:{}[]-\n ,'\"#&*!|>%@`$210yes~?\t\\é"), max_size=80))
def test_no_text_gives_anything_but_settings_or_one_line(tmp_path: Path, text: str) -> None:
    said = ""
    try:
        read_web_config(written(tmp_path, text))
    except ConfigError as error:
        said = str(error)
    assert "\n" not in said
