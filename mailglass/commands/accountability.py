"""``mailglass privacy-page`` and ``mailglass ropa``: what this installation does, told from its configuration."""

from __future__ import annotations

import typer

from mailglass.commands.options import DEFAULT_CONFIG, Config, settings_from_file
from pixel_server.public.privacy_page import privacy_page, record_of_processing


def print_page(config: Config = DEFAULT_CONFIG) -> None:
    """Print the page on privacy that the public server shows at /privacy."""
    typer.echo(privacy_page(settings_from_file(config)), nl=False)


def print_record(config: Config = DEFAULT_CONFIG) -> None:
    """Print the record of processing activities (Article 30 GDPR) for this installation."""
    typer.echo(record_of_processing(settings_from_file(config)), nl=False)
