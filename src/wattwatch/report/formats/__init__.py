"""A study as text: for the terminal, Markdown, CSV, JSON, LaTeX; each a function of the study alone."""

from wattwatch.errors import ConfigError
from wattwatch.report.study import Study

FORMATS = ("terminal", "markdown", "csv", "json", "latex")


def formatted(study: Study, wanted: str) -> str:
    """The study in one of FORMATS, with a newline at its end; ConfigError for another."""
    if wanted not in FORMATS:
        raise ConfigError(f"format {wanted!r}: one of {', '.join(FORMATS)}")
    from importlib import import_module  # noqa: PLC0415 - one of five

    text: str = import_module(f"wattwatch.report.formats.{wanted}_text").text_of(study)
    return text
