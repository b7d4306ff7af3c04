"""A file as web.yml: put in force, or ConfigError in one line. Certificates written in it are read."""

import importlib

from laws import one_line
from scratch import scratch
from wattwatch.errors import ConfigError
from wattwatch.web.security import WebSecurity

for _lazy in ("web_config", "yaml_section", "tls", "passwords"):
    importlib.import_module(f"wattwatch.web.{_lazy}")  # now, while their coverage is being looked at


def check(data: bytes) -> None:
    """Put the file in force."""
    file = scratch("web_yml") / "web.yml"
    file.write_bytes(data)
    try:
        secured = WebSecurity(file).current()
    except ConfigError as error:
        one_line(error, of=file)
        return
    for name, value in secured.headers:
        head = f"{name}: {value}"
        assert head.encode("iso-8859-1").isascii() or head.isprintable()
        assert not set("\r\n\0") & set(head)
