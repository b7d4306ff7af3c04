"""`wattwatch check-config`: what a configuration means, or what is wrong with it."""

import os
from pathlib import Path

import click

from wattwatch.config.describe import settings_toml
from wattwatch.config.load import load_settings
from wattwatch.web.security import check_web_config


@click.command()
@click.argument("file", type=click.Path(path_type=Path), required=False)
def command(file: Path | None) -> None:
    """Print what a configuration FILE (or directory) means, defaults included, as TOML.

    Without FILE: the one that the daemon would read. Exit status 2, and one line, if it is wrong.

    Example: wattwatch check-config /etc/wattwatch/wattwatch.toml
    """
    settings = load_settings(file, os.environ)
    check_web_config(settings.server.web_config)
    click.echo(settings_toml(settings), nl=False)
