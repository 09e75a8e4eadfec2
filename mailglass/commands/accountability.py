"""``mailglass privacy-page`` and ``mailglass ropa``: what this installation does, told from its configuration."""

from __future__ import annotations

from typing import Annotated

import typer

from mailglass.commands.options import DEFAULT_CONFIG, Config, settings_from_file
from mailglass.failures import WrongUse
from pixel_server.public.privacy_page import privacy_page, record_of_processing
from pixel_server.public.privacy_words import PRIVACY_WORDS


def print_page(
    language: Annotated[str, typer.Option("--lang", help="en, ja, de, fr or it; default: [privacy] language")] = "",
    config: Config = DEFAULT_CONFIG,
) -> None:
    """Print the page on privacy that the public server shows at /privacy."""
    settings = settings_from_file(config)
    language = language or settings.privacy.language
    if language not in PRIVACY_WORDS:
        raise WrongUse(f'--lang: there is no text in "{language}"; there is {", ".join(PRIVACY_WORDS)}')
    typer.echo(privacy_page(settings, language), nl=False)


def print_record(config: Config = DEFAULT_CONFIG) -> None:
    """Print the record of processing activities (Article 30 GDPR) for this installation."""
    typer.echo(record_of_processing(settings_from_file(config)), nl=False)
