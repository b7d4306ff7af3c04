"""Every error that wattwatch raises on purpose.

    WattwatchError
    ├── ConfigError            the configuration is wrong: one line, exit 2
    ├── MissingExtra           an optional dependency is not installed
    ├── SourceError
    │   ├── SourceUnavailable  not now; reading again may work
    │   └── SourceUnsupported  this host will never have it
    ├── FrameError             bytes that are no frame
    ├── StoreError             the store cannot be opened or written
    ├── RunError               a run or window that does not exist, or a request that contradicts it
    └── ClientError            a request to a daemon failed

The type is the verdict (retry, end, stop); the message is one line that a user can act on.
"""


class WattwatchError(Exception):
    """Root of all our errors; its text is one line for the user."""


class ConfigError(WattwatchError):
    """The configuration or the usage is wrong; nothing was started."""


class MissingExtra(WattwatchError):  # noqa: N818 - named for what is missing
    """An optional dependency is not installed; the message names the extra."""


class SourceError(WattwatchError):
    """A source could not be read."""


class SourceUnavailable(SourceError):  # noqa: N818 - the verdict is the name
    """Not now; reading again may work.

    `reason` is one word for the `reason` label of `wattwatch_source_read_failures_total`:
    absent, permission, busy, timeout, hangup, garbage, invalid, io or internal.
    """

    def __init__(self, message: str, reason: str = "io") -> None:
        super().__init__(message)
        self.reason = reason


class SourceUnsupported(SourceError):  # noqa: N818 - the verdict is the name
    """This host will never have it: said once, never retried."""


class FrameError(WattwatchError):
    """Bytes that are not a frame: where, and why not."""

    def __init__(self, cause: str, offset: int = 0) -> None:
        super().__init__(f"offset {offset}: {cause}")
        self.cause = cause
        self.offset = offset


class StoreError(WattwatchError):
    """The store cannot be opened or written."""


class RunError(WattwatchError):
    """An unknown run or window, or a request that contradicts the ledger."""


class ClientError(WattwatchError):
    """A request to a daemon failed; `status` is 0 when no answer came."""

    def __init__(self, message: str, status: int = 0) -> None:
        super().__init__(message)
        self.status = status
