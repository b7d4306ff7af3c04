"""Sources: things that are read. `open_source` makes one from its specification."""

from wattwatch.clock import Clock
from wattwatch.sources.base import HostSpec, SelfSpec, Source, SourceSpec, ThermalSpec, UmSpec

__all__ = ["open_source"]


def open_source(spec: SourceSpec, clock: Clock) -> Source:
    """The source of a specification; its module is imported only now.

    Raises MissingExtra, naming what to install, where a package is absent.
    """
    match spec:
        case UmSpec():
            from wattwatch.sources.um.meter import open_meter  # noqa: PLC0415 - lazy on purpose

            return open_meter(spec, clock)
        case ThermalSpec():
            from wattwatch.sources.thermal import ThermalSource  # noqa: PLC0415 - lazy on purpose

            return ThermalSource(spec, clock)
        case HostSpec():
            from wattwatch.sources.host import HostSource  # noqa: PLC0415 - lazy on purpose

            return HostSource(spec, clock)
        case SelfSpec():
            from wattwatch.sources.host import SelfSource  # noqa: PLC0415 - lazy on purpose

            return SelfSource(spec, clock)
