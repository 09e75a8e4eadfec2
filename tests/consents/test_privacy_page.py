"""The page on privacy and the record of processing: every setting that changes what is done changes the text."""

from __future__ import annotations

from typing import Any

import pytest

from config.settings import Privacy, Settings, Tracking
from pixel_server.public.privacy_page import privacy_page, record_of_processing, told_when_asked
from pixel_server.public.privacy_words import PRIVACY_WORDS

# What a setting becomes, and whether the record of processing has to change with it.
TOLD: list[tuple[str, str, Any]] = [
    ("privacy", "consent", "required"),
    ("privacy", "ip_address", "full"),
    ("privacy", "ip_address", "none"),
    ("privacy", "user_agent", "full"),
    ("privacy", "user_agent", "none"),
    ("privacy", "keep_hits", "33d"),
    ("privacy", "keep_recipients", "33d"),
    ("privacy", "keep_evidence", "33d"),
    ("privacy", "consent_valid", "33d"),
    ("privacy", "ask_again", "33d"),
    ("privacy", "notice", True),
    ("privacy", "honour_gpc", True),
    ("privacy", "whole_minutes", True),
    ("privacy", "keep_subject", False),
    ("privacy", "controller", "Example Ltd"),
    ("privacy", "contact", "privacy@example.org"),
    ("tracking", "identity", "aggregate"),
    ("tracking", "identity", "off"),
    ("tracking", "record_untracked", True),
]
NOT_TOLD = {
    ("privacy", "language"): "in which language, not what",
    ("tracking", "public_url"): "where the page itself is",
    ("tracking", "aggregate_minimum"): "told with identity = aggregate, below",
    ("tracking", "dialects"): "how a sender asks",
    ("tracking", "subject_tag"): "how a sender asks",
    ("tracking", "skip_domains"): "less than what is told",
    ("tracking", "never_recipients"): "less than what is told, and a list of people",
    ("tracking", "text_is_url"): "which links of a tracked message",
    ("tracking", "quoted"): "which links of a tracked message",
    ("tracking", "dkim_signed"): "which messages of those asked for",
    ("tracking", "dkim_key_file"): "how a message is signed",
    ("tracking", "dkim_selector"): "how a message is signed",
    ("tracking", "dkim_domain"): "how a message is signed",
    ("tracking", "on_ledger_failure"): "what becomes of mail, not of records",
    ("tracking", "max_size"): "which messages of those asked for",
}


def settings_with(table: str, name: str, value: Any, **others: Any) -> Settings:
    return Settings.model_validate({table: {name: value, **others}})


@pytest.mark.parametrize(("table", "name", "value"), TOLD, ids=lambda one: str(one))
@pytest.mark.parametrize("language", PRIVACY_WORDS)
def test_a_setting_that_changes_what_is_done_changes_the_page(table: str, name: str, value: Any, language: str) -> None:
    changed = settings_with(table, name, value)
    assert privacy_page(changed, language) != privacy_page(Settings(), language)
    assert record_of_processing(changed) != record_of_processing(Settings())


def test_how_many_recipients_counting_needs_is_told_where_it_counts() -> None:
    pages = [
        privacy_page(settings_with("tracking", "identity", "aggregate", aggregate_minimum=number))
        for number in (20, 50)
    ]
    assert "at least 20 recipients" in pages[0]
    assert "at least 50 recipients" in pages[1]
    assert "network address" not in pages[0], "of nobody anything is kept but numbers"


def test_every_setting_on_people_is_told_or_need_not_be() -> None:
    all_settings = {("privacy", name) for name in Privacy.model_fields}
    all_settings |= {("tracking", name) for name in Tracking.model_fields}
    told = {(table, name) for table, name, _ in TOLD}
    assert told.isdisjoint(NOT_TOLD)
    assert told | NOT_TOLD.keys() == all_settings


@pytest.mark.parametrize("language", PRIVACY_WORDS)
def test_the_page_has_all_its_lines_in_every_language(language: str) -> None:
    shown = privacy_page(Settings(), language)
    assert f'<html lang="{language}">' in shown
    assert shown.count("<h2>") == 10
    assert "{" not in shown.partition("</style>")[2]


@pytest.mark.parametrize("language", PRIVACY_WORDS)
@pytest.mark.parametrize(
    ("name", "value"),
    [("ip_address", "none"), ("user_agent", "full"), ("keep_hits", "33d"), ("keep_evidence", "33d"),
     ("keep_recipients", "33d"), ("whole_minutes", True), ("keep_subject", False), ("honour_gpc", True)],
)  # fmt: skip
def test_who_is_asked_is_told_what_this_installation_keeps(name: str, value: Any, language: str) -> None:
    asked = told_when_asked(settings_with("privacy", name, value), language)
    assert asked != told_when_asked(Settings(), language)
    assert "{" not in asked
