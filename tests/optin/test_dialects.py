"""The headers of hosted services mean here what they mean there, except that silence and unknown values are no."""

from __future__ import annotations

import json

import pytest

from relay.rewriting.dialects import DIALECTS
from relay.rewriting.optin import OptInPolicy, decide
from relay.rewriting.plan import Wanted


def wanted(dialect: str, *lines: str, default: str = "none") -> Wanted:
    block = "".join(f"{line}\r\n" for line in (*lines, "Subject: Hello", "")).encode()
    return decide(block, OptInPolicy(default=default, dialects=(dialect,)))


def aspects(found: Wanted) -> str:
    names = {"opens": found.opens, "html": found.html_links, "text": found.text_links}
    return " ".join(name for name, on in names.items() if on)


def smtpapi(**settings: object) -> str:
    return "X-SMTPAPI: " + json.dumps(settings)


CLICKS = {"clicktrack": {"settings": {"enable": 1}}}
OPENS = {"opentrack": {"settings": {"enable": 1}}}


@pytest.mark.parametrize(
    ("dialect", "lines", "expected", "odd"),
    [
        ("postmark", ["X-PM-TrackOpens: true"], "opens", False),
        ("postmark", ["X-PM-TrackOpens: True", "X-PM-TrackLinks: HtmlOnly"], "opens html", False),
        ("postmark", ["X-PM-TrackLinks: HtmlAndText"], "html text", False),
        ("postmark", ["X-PM-TrackLinks: textonly"], "text", False),
        ("postmark", ["X-PM-TrackLinks: None"], "", False),
        ("postmark", ["X-PM-TrackOpens: false"], "", False),
        ("postmark", ["X-PM-TrackLinks: Html"], "", True),
        ("postmark", ["X-PM-TrackOpens: perhaps"], "", True),
        ("mailgun", ["X-Mailgun-Track: yes"], "opens html text", False),
        ("mailgun", ["X-Mailgun-Track: no"], "", False),
        ("mailgun", ["X-Mailgun-Track-Opens: yes"], "opens", False),
        ("mailgun", ["X-Mailgun-Track-Clicks: yes"], "html text", False),
        ("mailgun", ["X-Mailgun-Track-Clicks: htmlonly"], "html", False),
        ("mailgun", ["X-Mailgun-Track: yes", "X-Mailgun-Track-Clicks: no"], "opens", False),
        ("mailgun", ["X-Mailgun-Track: no", "X-Mailgun-Track-Opens: yes"], "opens", False),
        ("mailgun", ["X-Mailgun-Track-Clicks: textonly"], "", True),
        ("mandrill", ["X-MC-Track: opens"], "opens", False),
        ("mandrill", ["X-MC-Track: opens,clicks"], "opens html text", False),
        ("mandrill", ["X-MC-Track: opens, clicks_all"], "opens html text", False),
        ("mandrill", ["X-MC-Track: clicks_htmlonly"], "html", False),
        ("mandrill", ["X-MC-Track: clicks_textonly"], "text", False),
        ("mandrill", ["X-MC-Track: clicks_all, clicks_htmlonly"], "html", False),  # one click word too many
        ("mandrill", ["X-MC-Track: none"], "", False),
        ("mandrill", ["X-MC-Track: opens, pigeons"], "opens", True),
        ("sendgrid", [smtpapi(filters=CLICKS)], "html", False),
        ("sendgrid", [smtpapi(filters=OPENS)], "opens", False),
        ("sendgrid", [smtpapi(filters=CLICKS | OPENS)], "opens html", False),
        (
            "sendgrid",
            [smtpapi(filters={"clicktrack": {"settings": {"enable": 1, "enable_text": True}}})],
            "html text",
            False,
        ),
        ("sendgrid", [smtpapi(filters={"clicktrack": {"settings": {"enable": 0, "enable_text": True}}})], "", False),
        ("sendgrid", [smtpapi(filters={"opentrack": {"settings": {"enable": "1"}}})], "opens", False),
        ("sendgrid", [smtpapi(filters={"opentrack": {"settings": {"enable": "often"}}})], "", True),
        ("sendgrid", [smtpapi(filters={"opentrack": []})], "", False),
        ("sendgrid", ['X-SMTPAPI: {"filters": '], "", True),
        ("sendgrid", ["X-SMTPAPI: []"], "", True),
        ("sendgrid", ["X-SMTPAPI: " + "[" * 60_000], "", True),  # nested too deeply for anyone
        ("sendgrid", [smtpapi(to=["a@example.com"], filters=OPENS)], "opens", True),
        (
            "sparkpost",
            ['X-MSYS-API: {"options": {"open_tracking": true, "click_tracking": true}}'],
            "opens html",
            False,
        ),
        ("sparkpost", ['X-MSYS-API: {"options": {"open_tracking": true}}'], "opens", False),
        ("sparkpost", ['X-MSYS-API: {"options": {"open_tracking": false}}'], "", False),
        ("sparkpost", ['X-MSYS-API: {"options": {"open_tracking": "maybe"}}'], "", True),
        ("sparkpost", ["X-MSYS-API: not json"], "", True),
        ("mailjet", ["X-Mailjet-TrackOpen: 1"], "opens", False),
        ("mailjet", ["X-Mailjet-TrackOpen: true", "X-Mailjet-TrackClick: 1"], "opens html", False),
        ("mailjet", ["X-Mailjet-TrackOpen: 0", "X-Mailjet-TrackClick: 0"], "", False),
        ("mailjet", ["X-Mailjet-TrackClick: 2"], "", True),
        ("smtpeter", ["x-smtpeter-trackopens: true"], "opens", False),
        ("smtpeter", ["x-smtpeter-trackopens: true", "x-smtpeter-trackclicks: true"], "opens html", False),
        ("emailengine", ["X-EE-Tracking-Enabled: true"], "opens html", False),
        ("emailengine", ["X-EE-Tracking-Enabled: Y"], "opens html", False),
        ("emailengine", ["X-EE-Tracking-Enabled: false"], "", False),
        ("ahasend", ["ahasend-track-opens: true"], "opens", False),
        ("ahasend", ["AhaSend-Track-Opens: true", "AhaSend-Track-Clicks: true"], "opens html", False),
        ("leadpush", ["X-Leadpush-Tracking: all"], "opens html", False),
        ("leadpush", ["X-Leadpush-Tracking: opens"], "opens", False),
        ("leadpush", ["X-Leadpush-Tracking: clicks"], "html", False),
        ("leadpush", ["X-Leadpush-Tracking: none"], "", False),
        ("leadpush", ["X-Leadpush-Tracking: al"], "", True),  # there it would mean all
    ],
)
def test_a_dialect_asks_for_aspects(dialect: str, lines: list[str], expected: str, odd: bool) -> None:
    found = wanted(dialect, *lines)
    assert aspects(found) == expected
    assert bool(found.notes) is odd


@pytest.mark.parametrize(
    ("dialect", "lines", "tags", "meta"),
    [
        ("postmark", ["X-PM-Tag: a, b", "X-PM-Metadata-Client-Id: 12"], ("a, b",), {"client-id": "12"}),
        (
            "mailgun",
            ["X-Mailgun-Tag: a", "X-Mailgun-Tag: b", 'X-Mailgun-Variables: {"id": 7, "deep": {"x": [1]}}'],
            ("a", "b"),
            {"id": "7", "deep": '{"x": [1]}'},
        ),
        ("mandrill", ["X-MC-Tags: a, b", 'X-MC-Metadata: {"user": "é"}'], ("a", "b"), {"user": "é"}),
        ("sendgrid", [smtpapi(category=["a", "b"], unique_args={"k": "v"})], ("a", "b"), {"k": "v"}),
        ("sendgrid", [smtpapi(category="a")], ("a",), {}),
        (
            "sparkpost",
            ['X-MSYS-API: {"tags": ["a"], "campaign_id": "c", "metadata": {"k": true}}'],
            ("a",),
            {"campaign_id": "c", "k": "true"},
        ),
        ("mailjet", ["X-MJ-CustomID: 17", "X-Mailjet-Campaign: spring"], ("spring",), {"customid": "17"}),
        ("smtpeter", ["x-smtpeter-tags: a, b"], ("a", "b"), {}),
        ("ahasend", ["ahasend-tags: a, b"], ("a", "b"), {}),
        ("leadpush", ["X-Leadpush-Tag: a"], ("a",), {}),
    ],
)
def test_tags_and_metadata_come_along(
    dialect: str, lines: list[str], tags: tuple[str, ...], meta: dict[str, str]
) -> None:
    found = wanted(dialect, *lines)
    assert found.tags == tags
    assert found.meta == meta
    assert not found.asked


def test_folding_inside_json_is_understood() -> None:
    folded = (
        'X-SMTPAPI: {"filters": {"opentrack":\r\n {"settings": {"ena\r\n ble": 1}}}, "category": ["two\r\n words"]}'
    )
    found = wanted("sendgrid", folded)
    assert aspects(found) == "opens"
    assert found.tags == ("two words",)
    broken = 'X-MSYS-API: {"options": {"open_tracking": tr\r\n\tue}}'
    assert aspects(wanted("sparkpost", broken)) == "opens"


def test_encoded_json_is_understood() -> None:
    encoded = "X-MSYS-API: =?utf-8?B?eyJvcHRpb25zIjogeyJvcGVuX3RyYWNraW5nIjogdHJ1ZX19?="
    assert aspects(wanted("sparkpost", encoded)) == "opens"


def test_what_a_dialect_passes_over_in_silence_is_off_whatever_the_listener_says() -> None:
    assert aspects(wanted("postmark", "X-PM-TrackOpens: true", default="opens, links")) == "opens"
    assert aspects(wanted("postmark", "X-PM-Tag: a", default="opens, links")) == "opens html"


def test_x_track_wins_over_a_dialect() -> None:
    assert aspects(wanted("postmark", "X-Track: none", "X-PM-TrackOpens: true")) == ""
    assert aspects(wanted("postmark", "X-Track: links", "X-PM-TrackOpens: true")) == "html"
    assert aspects(wanted("postmark", "X-Track-Links: text", "X-PM-TrackOpens: true")) == "opens text"


def test_of_two_dialects_the_stricter_counts() -> None:
    block = b"X-PM-TrackOpens: true\r\nX-Mailjet-TrackOpen: 0\r\n\r\n"
    found = decide(block, OptInPolicy(dialects=("postmark", "mailjet")))
    assert not found.opens


def test_of_duplicates_in_a_dialect_the_stricter_counts() -> None:
    assert aspects(wanted("postmark", "X-PM-TrackOpens: true", "X-PM-TrackOpens: false")) == ""
    assert aspects(wanted("postmark", "X-PM-TrackLinks: HtmlAndText", "X-PM-TrackLinks: HtmlOnly")) == "html"


def test_mailguns_pixel_goes_on_top() -> None:
    assert wanted("mailgun", "X-Mailgun-Track: yes", "X-Mailgun-Track-Pixel-Location-Top: yes").pixel_at_top
    assert not wanted("mailgun", "X-Mailgun-Track: yes").pixel_at_top


@pytest.mark.parametrize("dialect", sorted(DIALECTS))
def test_a_dialect_that_is_not_accepted_is_neither_heard_nor_removed(dialect: str) -> None:
    names = sorted(DIALECTS[dialect].names)
    block = "".join(f"{name}: yes\r\n" for name in names).encode() + b"\r\n"
    assert decide(block, OptInPolicy()).header_edits == ()
    accepted = decide(block, OptInPolicy(dialects=(dialect,)))
    assert len(accepted.header_edits) == len(names)


def test_headers_of_a_service_that_are_not_about_tracking_stay() -> None:
    found = wanted("mandrill", "X-MC-Track: opens", "X-MC-PreserveRecipients: true", "X-MC-Tracking: x")
    assert len(found.header_edits) == 1


@pytest.mark.parametrize(
    ("dialect", "header", "note"),
    [
        ("postmark", "X-PM-TrackOpens: perhaps", 'X-PM-TrackOpens: unknown value "perhaps"'),
        ("postmark", "x-pm-tracklinks: HtmlAnd", 'X-PM-TrackLinks: unknown value "HtmlAnd"'),
        ("mailgun", "X-MAILGUN-TRACK-CLICKS: perhaps", 'X-Mailgun-Track-Clicks: unknown value "perhaps"'),
        ("mailgun", "X-Mailgun-Variables: perhaps", 'X-Mailgun-Variables: unknown value "perhaps"'),
        ("mandrill", "X-MC-Track: perhaps", 'X-MC-Track: unknown value "perhaps"'),
        ("mandrill", "X-MC-Metadata: perhaps", 'X-MC-Metadata: unknown value "perhaps"'),
        ("sendgrid", "X-SMTPAPI: perhaps", 'X-SMTPAPI: unknown value "perhaps"'),
        ("sendgrid", 'X-SMTPAPI: {"to": []}', "X-SMTPAPI: to is not supported"),
        ("sendgrid", 'X-SMTPAPI: {"filters": {"opentrack": {"settings": {"enable": 7}}}}',
         'X-SMTPAPI enable: unknown value "7"'),
        ("sparkpost", 'X-MSYS-API: {"options": {"open_tracking": "perhaps"}}',
         'X-MSYS-API open_tracking: unknown value "perhaps"'),
        ("mailjet", "X-Mailjet-TrackOpen: perhaps", 'X-Mailjet-TrackOpen: unknown value "perhaps"'),
        ("smtpeter", "X-SMTPeter-TrackClicks: perhaps", 'x-smtpeter-trackclicks: unknown value "perhaps"'),
        ("emailengine", "X-EE-Tracking-Enabled: perhaps", 'X-EE-Tracking-Enabled: unknown value "perhaps"'),
        ("ahasend", "AhaSend-Track-Opens: perhaps", 'ahasend-track-opens: unknown value "perhaps"'),
        ("leadpush", "X-Leadpush-Tracking: perhaps", 'X-Leadpush-Tracking: unknown value "perhaps"'),
    ],
)  # fmt: skip
def test_a_note_spells_a_header_as_its_service_does(dialect: str, header: str, note: str) -> None:
    assert decide(f"{header}\r\n\r\n".encode(), OptInPolicy(dialects=(dialect,))).notes == (note,)
