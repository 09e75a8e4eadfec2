"""docs/classes.md is what the rules print, and every rule has words in both languages."""

from __future__ import annotations

from pathlib import Path

from ledger.records import HitClass
from pixel_server.classes_page import classes_page
from pixel_server.public.classify import RULES
from pixel_server.public.signs.tables import Signs
from pixel_server.public.windows import Windows
from pixel_server.rule_words import RULE_WORDS, SAID_BY_SENDER, class_words, words_of

PAGE = Path(__file__).parents[2] / "docs" / "classes.md"


def test_the_page_says_what_the_rules_say(signs: Signs) -> None:
    assert PAGE.read_text("utf-8") == classes_page(signs, Windows())


def test_every_rule_and_class_has_words_in_both_languages() -> None:
    assert set(RULE_WORDS) == {rule for rule, _ in RULES} | {"R22", SAID_BY_SENDER}
    for rule in RULE_WORDS:
        assert words_of(rule, "en").isprintable()
        assert words_of(rule, "ja") != words_of(rule, "en")
    for hit_class in HitClass:
        assert class_words(hit_class, "ja") != class_words(hit_class, "en")
    assert words_of("R99", "en") == "R99"
