"""``mailglass classify``: hits in, one verdict a line out, faults by their place."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from mailglass.commands.classify import classify
from mailglass.failures import Failed

FIREFOX = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0"
HIT = {"method": "GET", "path_kind": "click", "headers": {"User-Agent": FIREFOX}, "ip": "203.0.113.24",
       "delay_s": 1800, "context": {}}  # fmt: skip

app = typer.Typer()
app.command()(classify)


def run(text: str, *options: str) -> tuple[int, list[Any], str]:
    result = CliRunner().invoke(app, [*options, "-"], input=text)
    return result.exit_code, [json.loads(line) for line in result.stdout.splitlines()], result.stderr


def test_each_line_gets_one_line_with_class_confidence_and_rule() -> None:
    early = {**HIT, "delay_s": 3}
    status, lines, _ = run(json.dumps(HIT) + "\n\n" + json.dumps(early) + "\r\n")
    assert status == 0
    assert lines == [
        {"class": "human", "confidence": "probable", "rule": "R22"},
        {"class": "security-scanner", "confidence": "probable", "rule": "R21"},
    ]


def test_hits_as_the_list_of_hits_prints_them_are_read_too() -> None:
    """Of what they were there is what was kept: less than what the first verdict was made from."""
    listed = {
        "id": "01M8000000000000000000000A", "at": "2026-11-24T10:00:00.000Z", "kind": "click", "message": None,
        "copy": 0, "link": 1, "class": "human", "confidence": "probable", "rule": "R22", "user_agent": "curl/8.5.0",
        "ip": "203.0.113.0",
    }  # fmt: skip
    status, lines, faults = run(json.dumps([listed, listed | {"kind": "open", "user_agent": "", "ip": ""}], indent=1))
    assert (status, faults) == (0, "")
    assert [line["class"] for line in lines] == ["bot", "bot"]


@pytest.mark.parametrize("wrap", [lambda hits: hits, lambda hits: {"schema": 1, "vectors": hits}])
def test_an_array_and_an_object_with_vectors_are_read_too(wrap: Any) -> None:
    status, lines, _ = run(json.dumps(wrap([HIT, HIT]), indent=1))
    assert status == 0
    assert [line["rule"] for line in lines] == ["R22", "R22"]


def test_the_labelled_hits_come_out_as_labelled(labelled: list[dict[str, Any]], tmp_path: Path) -> None:
    file = tmp_path / "hits.jsonl"
    file.write_text("\n".join(map(json.dumps, labelled)), "utf-8")
    result = CliRunner().invoke(app, [str(file)])
    assert result.exit_code == 0
    got = [json.loads(line) for line in result.stdout.splitlines()]
    keys = ("class", "confidence", "rule")
    assert got == [{key: vector["expect"][key] for key in keys} for vector in labelled]


@pytest.mark.parametrize(
    ("context", "rule", "class_"),
    [
        ({"own_cookie": True}, "R01", "own"),
        ({"own_ip_match": True}, "R18", "own"),
        ({"asn": 26211}, "R22", "human"),
        ({"distinct_links_same_source_within_2s": 5, "links_in_message": 5}, "R16", "security-scanner"),
        # the same number within a longer time is no burst
        ({"distinct_links_same_source_within_60s": 5, "links_in_message": 5}, "R22", "human"),
        ({"something_else": [1]}, "R22", "human"),
        ({"own_cookie": None, "own_ip_match": None, "asn": None, "links_in_message": None}, "R22", "human"),
        (None, "R22", "human"),
    ],
)
def test_the_context_is_taken_into_account(context: Any, rule: str, class_: str) -> None:
    status, lines, _ = run(json.dumps({**HIT, "context": context}))
    assert (status, lines[0]["rule"], lines[0]["class"]) == (0, rule, class_)


def test_a_header_that_is_null_was_not_sent() -> None:
    _, lines, _ = run(json.dumps({**HIT, "headers": {"User-Agent": None}}))
    assert lines == [{"class": "bot", "confidence": "probable", "rule": "R08"}]


@pytest.mark.parametrize(
    ("context", "class_"),
    [
        ({}, "link-preview"),
        ({"browser_get_within_5s": True}, "link-preview"),
        ({"browser_get_within_5s": False}, "human"),
        ({"followed_by_browser": False}, "human"),
        ({"browser_follows_after_s": 3}, "link-preview"),
        ({"browser_follows_after_s": 30}, "human"),
        ({"browser_follows_after_s": None}, "human"),
        ({"browser_get_same_link_within_5s": True}, "link-preview"),
        ({"browser_get_same_link_within_5s": False}, "human"),
        ({"followed_by_browser_get": False}, "human"),
        ({"next_browser_get_s": 2}, "link-preview"),
        ({"seconds_until_browser_get": 60}, "human"),
        ({"no_browser_get_within_5s": True}, "human"),
        ({"followed_within_5s": True}, "link-preview"),
        ({"follow_up_get_s": 7}, "human"),
        ({"not_followed": True}, "human"),
        ({"browser_family": "Firefox"}, "link-preview"),  # says nothing of another request
    ],
)
def test_an_office_click_depends_on_whether_a_browser_followed(context: Any, class_: str) -> None:
    office = {**HIT, "headers": {"user-agent": "Mozilla/4.0 (compatible; ms-office; MSOffice 16)"}, "context": context}
    _, lines, _ = run(json.dumps(office))
    assert lines == [{"class": class_, "confidence": "probable", "rule": "R17"}]


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        ('{"method": ', "no JSON"),
        ("17", "a hit is a JSON object"),
        ('{"path_kind": "honeypot"}', "path_kind"),
        ('{"path_kind": "pixel", "headers": ["User-Agent"]}', "headers"),
        ('{"path_kind": "pixel", "headers": {"User-Agent": 5}}', "headers"),
        ('{"path_kind": "pixel", "delay_s": "soon"}', "delay_s"),
        ('{"path_kind": "pixel", "method": 1}', "method"),
        ('{"path_kind": "pixel", "context": {"own_cookie": "yes"}}', "own_cookie"),
        ('{"path_kind": "pixel", "context": 1}', "context"),
        ("[" * 100_000, "no JSON"),
    ],
)
def test_a_bad_line_is_named_and_the_others_are_answered(bad: str, words: str) -> None:
    status, lines, errors = run(f"{json.dumps(HIT)}\n{bad}\n{json.dumps(HIT)}\n")
    assert status == 1
    assert len(lines) == 2
    assert f"line 2: {words}" in errors or ("line 2: " in errors and words in errors)
    assert "Traceback" not in errors


def test_a_missing_file_is_told_in_plain_words(tmp_path: Path) -> None:
    with pytest.raises(Failed, match=r"cannot read .*absent\.jsonl: No such file or directory"):
        CliRunner().invoke(app, [str(tmp_path / "absent.jsonl")], catch_exceptions=False)


def test_why_names_the_sign_and_the_rule_in_words() -> None:
    curl = {**HIT, "headers": {"User-Agent": "curl/8.5.0"}}
    _, lines, _ = run(json.dumps(curl), "--why")
    assert lines[0]["rule"] == "R20"
    assert lines[0]["signs"] == {"program": "curl"}
    assert lines[0]["why"]


def test_a_network_list_of_the_operators_is_believed(tmp_path: Path) -> None:
    lists = tmp_path / "networks.txt"
    lists.write_text("# ours\n203.0.113.0/24 filter\n198.51.100.0/24,AS26211\n172.224.224.0/27,GB,GB-ENG,London,\n")
    hits = [
        HIT,
        {**HIT, "ip": "198.51.100.9", "delay_s": 60},
        {**HIT, "ip": "172.224.224.9", "headers": {"User-Agent": "Mozilla/5.0"}, "path_kind": "pixel"},
    ]
    status, lines, _ = run("\n".join(map(json.dumps, hits)), "--networks", str(lists))
    assert status == 0
    assert [(line["rule"], line["confidence"]) for line in lines] == [
        ("R14", "certain"), ("R15", "probable"), ("R11", "certain"),
    ]  # fmt: skip


@pytest.mark.parametrize("line", ["203.0.113.0/99 filter", "203.0.113.0/24 friends", "here filter"])
def test_a_faulty_network_list_is_named_with_its_line(line: str, tmp_path: Path) -> None:
    lists = tmp_path / "networks.txt"
    lists.write_text(f"198.51.100.0/24 filter\n{line}\n")
    result = CliRunner().invoke(app, ["--networks", str(lists), "-"], input="")
    assert result.exit_code == 2
    assert "networks.txt, line 2" in result.stderr
