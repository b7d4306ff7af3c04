"""TLS of the web server by the standard library: a context made of `tls_server_config`.

Names of versions, suites, curves and client policies are Go's, as in the exporter-toolkit.
"""

import os
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from wattwatch.errors import ConfigError
from wattwatch.web.web_config import Pem, TlsSettings

_VERSIONS: Final = {"TLS12": ssl.TLSVersion.TLSv1_2, "TLS13": ssl.TLSVersion.TLSv1_3}
_POLICIES: Final = {
    "NoClientCert": ssl.CERT_NONE,
    "VerifyClientCertIfGiven": ssl.CERT_OPTIONAL,
    "RequireAndVerifyClientCert": ssl.CERT_REQUIRED,
}
_UNVERIFIED: Final = ("RequestClientCert", "RequireClientCert", "RequireAnyClientCert")
_CURVES: Final = {
    "X25519": "X25519",
    "CurveP256": "prime256v1",
    "CurveP384": "secp384r1",
    "CurveP521": "secp521r1",
}
_SUITES: Final = {
    "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256": "ECDHE-ECDSA-AES128-GCM-SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384": "ECDHE-ECDSA-AES256-GCM-SHA384",
    "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256": "ECDHE-ECDSA-CHACHA20-POLY1305",
    "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA": "ECDHE-ECDSA-AES128-SHA",
    "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA": "ECDHE-ECDSA-AES256-SHA",
    "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256": "ECDHE-RSA-AES128-GCM-SHA256",
    "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384": "ECDHE-RSA-AES256-GCM-SHA384",
    "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256": "ECDHE-RSA-CHACHA20-POLY1305",
    "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA": "ECDHE-RSA-AES128-SHA",
    "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA": "ECDHE-RSA-AES256-SHA",
}
_SUITES_1_3: Final = ("TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256")
"""Allowed in the list and always on: neither Go nor OpenSSL chooses among the suites of TLS 1.3 by it."""


def server_context(settings: TlsSettings) -> ssl.SSLContext:
    """A context for the server's side; ConfigError in one line names file and key."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_alpn_protocols(["http/1.1"])
    _set_versions(context, settings)
    _set_suites(context, settings)
    _set_curve(context, settings)
    _load_chain(context, settings.cert, settings.key)
    _set_clients(context, settings)
    return context


def _set_versions(context: ssl.SSLContext, settings: TlsSettings) -> None:
    least, most = settings.min_version, settings.max_version
    for key, name in (("min_version", least), ("max_version", most)):
        if name not in _VERSIONS:
            cause = "expected TLS12 or TLS13; OpenSSL no longer speaks what is older"
            raise ConfigError(f"{settings.where}.{key}: {cause}, got {name!r}")
    if _VERSIONS[least] > _VERSIONS[most]:
        raise ConfigError(f"{settings.where}.min_version: {least} is above max_version, {most}")
    context.minimum_version, context.maximum_version = _VERSIONS[least], _VERSIONS[most]


def _set_suites(context: ssl.SSLContext, settings: TlsSettings) -> None:
    if not settings.prefer_server_cipher_suites:
        context.options &= ~ssl.OP_CIPHER_SERVER_PREFERENCE
    if not settings.cipher_suites:
        return
    where = f"{settings.where}.cipher_suites"
    for name in settings.cipher_suites:
        if name not in _SUITES and name not in _SUITES_1_3:
            known = ", ".join((*_SUITES, *_SUITES_1_3))
            raise ConfigError(f"{where}: {name!r} is not offered; allowed: {known}")
    suites = [_SUITES[name] for name in settings.cipher_suites if name in _SUITES]
    if not suites:
        raise ConfigError(f"{where}: has suites of TLS 1.3 only: leave it out and set min_version: TLS13")
    context.set_ciphers(":".join(suites))


def _set_curve(context: ssl.SSLContext, settings: TlsSettings) -> None:
    names = settings.curve_preferences
    if not names:
        return
    where = f"{settings.where}.curve_preferences"
    for name in names:
        if name not in _CURVES:
            raise ConfigError(f"{where}: expected one of {', '.join(_CURVES)}, got {name!r}")
    if len(names) > 1:
        raise ConfigError(
            f"{where}: Python's ssl takes one curve only: keep one, or leave the key out for all"
        )
    context.set_ecdh_curve(_CURVES[names[0]])


def _set_clients(context: ssl.SSLContext, settings: TlsSettings) -> None:
    policy = settings.client_auth_type
    where = f"{settings.where}.client_auth_type"
    if policy in _UNVERIFIED:
        cause = f"{policy} takes certificates that nobody verifies, which Python's ssl cannot"
        raise ConfigError(f"{where}: {cause}: use RequireAndVerifyClientCert")
    if policy not in _POLICIES:
        raise ConfigError(f"{where}: expected one of {', '.join(_POLICIES)}, got {policy!r}")
    if settings.client_ca is not None and policy == "NoClientCert":
        raise ConfigError(f"{where}: is missing: client_ca is there, so set RequireAndVerifyClientCert")
    if settings.client_ca is None and policy != "NoClientCert":
        raise ConfigError(f"{settings.where}.client_ca_file: is missing: {policy} needs it")
    if settings.client_allowed_sans and policy != "RequireAndVerifyClientCert":
        cause = "needs client_auth_type: RequireAndVerifyClientCert"
        raise ConfigError(f"{settings.where}.client_allowed_sans: {cause}")
    context.verify_mode = _POLICIES[policy]
    if settings.client_ca is not None:
        _load_authorities(context, settings.client_ca)


def _load_authorities(context: ssl.SSLContext, pem: Pem) -> None:
    try:
        context.load_verify_locations(cadata=pem.read().decode("ascii", "ignore"))
    except (ssl.SSLError, ValueError) as error:
        raise ConfigError(f"{_named(pem)} holds no certificate in PEM form") from error


def _load_chain(context: ssl.SSLContext, cert: Pem, key: Pem) -> None:
    """Load both as they were read once: files that are replaced meanwhile cannot mix."""
    with _in_memory(cert.read()) as cert_path, _in_memory(key.read()) as key_path:
        try:
            context.load_cert_chain(cert_path, key_path, password=_no_password)
        except _EncryptedError as error:
            raise ConfigError(f"{_named(key)} is encrypted: give a key without a passphrase") from error
        except ssl.SSLError as error:
            raise ConfigError(_chain_cause(cert, key, error)) from error


def _chain_cause(cert: Pem, key: Pem, error: ssl.SSLError) -> str:
    if error.reason == "KEY_VALUES_MISMATCH":
        return f"{_named(key)} is not the key of the certificate in {cert.file or 'cert'}"
    if not _is_certificate(cert.read()):
        return f"{_named(cert)} holds no certificate in PEM form"
    if error.reason in {"EE_KEY_TOO_SMALL", "CA_KEY_TOO_SMALL", "CA_MD_TOO_WEAK"}:
        return f"{_named(cert)} is too weak for OpenSSL ({error.reason}): make one with a larger key"
    return f"{_named(key)} holds no private key in PEM form"


def _is_certificate(data: bytes) -> bool:
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_verify_locations(cadata=data.decode("ascii", "ignore"))
    except (ssl.SSLError, ValueError):
        return False
    return True


def _named(pem: Pem) -> str:
    return f"{pem.where}: {pem.file}" if pem.file else f"{pem.where}:"


class _EncryptedError(Exception):
    """OpenSSL asks for a passphrase; on a terminal it would ask the user."""


def _no_password() -> bytes:
    raise _EncryptedError


@contextmanager
def _in_memory(data: bytes) -> Iterator[str]:
    """A path under which the bytes can be opened, but that is on no disk."""
    descriptor = os.memfd_create("wattwatch-pem")
    try:
        with open(descriptor, "wb", closefd=False) as file:
            file.write(data)
        yield f"/proc/self/fd/{descriptor}"
    finally:
        os.close(descriptor)
