"""Each rule on links, the order of the rules, and the sites that rules speak of."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.records import LinkReason
from ledger.urls import destination_of
from relay.rewriting.link_rules import LinkCandidate, LinkPolicy, is_excluded, judge
from relay.rewriting.plan import Quoted, TextIsUrl
from relay.rewriting.sites import ascii_host, host_of, is_loopback, is_same_site, site_of

PUBLIC = LinkPolicy(public_url="https://track.example.com")


def candidate(
    href: str, text: str = "More", quoted: bool = False, own: bool = False, **attributes: str
) -> LinkCandidate:
    named = {name.replace("_", "-"): value for name, value in attributes.items()}
    return LinkCandidate(href, destination_of(href), text, named, quoted, own)


@pytest.mark.parametrize(
    ("href", "reason"),
    [
        ("https://shop.example.com/", None),
        ("HTTP://SHOP.EXAMPLE.COM", None),
        (" \t\nhttps://shop.exam\nple.com/ ", None),  # browsers strip it and so do we
        ("https://shop.example.com/a b", None),
        ("https://bücher.example/", None),
        ("https://shop.example.com:8443/", None),
        ("http://192.0.2.1/", None),
        ("mailto:anna@example.com", LinkReason.SCHEME),
        ("MailTo:anna@example.com", LinkReason.SCHEME),
        ("tel:+15550100", LinkReason.SCHEME),
        ("sms:+15550100", LinkReason.SCHEME),
        ("cid:part1@example.com", LinkReason.SCHEME),
        ("javascript:alert(1)", LinkReason.SCHEME),
        ("java\nscript:alert(1)", LinkReason.SCHEME),
        ("data:text/html,x", LinkReason.SCHEME),
        ("ftp://example.com/", LinkReason.SCHEME),
        ("webcal://example.com/x.ics", LinkReason.SCHEME),
        ("about:blank", LinkReason.SCHEME),
        ("x-apple-data-detectors://1", LinkReason.SCHEME),
        ("", LinkReason.RELATIVE),
        ("#top", LinkReason.RELATIVE),
        ("/path", LinkReason.RELATIVE),
        ("page.html", LinkReason.RELATIVE),
        ("?x=1", LinkReason.RELATIVE),
        ("//example.com/x", LinkReason.RELATIVE),
        ("www.example.com", LinkReason.RELATIVE),
        ("{{unsubscribe_url}}", LinkReason.RELATIVE),
        ("*|UNSUB|*", LinkReason.RELATIVE),
        ("http://", LinkReason.INVALID),
        ("https:///x", LinkReason.INVALID),
        ("https:example.com", LinkReason.INVALID),
        ("https://exa mple.com/", LinkReason.INVALID),
        ("https://example.com:port/", LinkReason.INVALID),
        ("https://[::1/", LinkReason.INVALID),
        ("https+notrack://example.com/", LinkReason.OPTED_OUT),
        ("HTTP+NOTRACK://example.com/", LinkReason.OPTED_OUT),
    ],
)
def test_only_web_links_are_tracked(href: str, reason: LinkReason | None) -> None:
    assert judge(candidate(href), PUBLIC) is reason


@pytest.mark.parametrize(
    ("attributes", "out"),
    [
        ({"data-track": "no"}, True),
        ({"data-track": " NO "}, True),
        ({"data-track": "off"}, True),
        ({"data-track": "0"}, True),
        ({"data-track": "yes"}, False),
        ({"data-track": ""}, False),
        ({"data-track": "footer-link"}, False),  # somebody's analytics, not a wish
        ({"data-track-name": "no"}, False),  # a name
        ({"data-pm-no-track": ""}, True),  # Postmark: presence
        ({"data-pm-no-track": "data-pm-no-track"}, True),
        ({"clicktracking": "off"}, True),  # SendGrid
        ({"clicktracking": "on"}, False),
        ({"ses:no-track": ""}, True),  # Amazon SES: presence
        ({"data-msys-clicktrack": "0"}, True),  # SparkPost
        ({"data-msys-clicktrack": "1"}, False),
        ({"disable-tracking": "true"}, True),  # Mailgun
        ({"disable-tracking": ""}, True),
        ({"disable-tracking": "false"}, False),
        ({"mautic:disable-tracking": "true"}, True),
        ({"mc:disable-tracking": ""}, True),
        ({"data-as-no-track": ""}, True),  # AhaSend
        ({"class": "no-track"}, False),
    ],
)
def test_opt_out_attributes_mean_what_their_services_say(attributes: dict[str, str], out: bool) -> None:
    href = "https://shop.example.com/"
    found = judge(LinkCandidate(href, href, "More", attributes), PUBLIC)
    assert found is (LinkReason.OPTED_OUT if out else None)


@pytest.mark.parametrize(
    ("domain", "url", "excluded"),
    [
        ("example.com", "https://example.com/", True),
        ("example.com", "https://shop.example.com/", True),
        ("example.com", "https://EXAMPLE.com:8443/", True),
        ("example.com", "https://example.com./", True),
        ("example.com", "https://notexample.com/", False),
        ("example.com", "https://example.com.evil.example.net/", False),
        ("example.com", "https://other.example.net/?u=example.com", False),
        ("example.com", "https://example.com@other.example.net/", False),
        (".example.com", "https://shop.example.com/", True),
        ("*.example.com", "https://shop.example.com/", True),
        ("Example.COM.", "https://shop.example.com/", True),
        ("shop.example.com", "https://example.com/", False),
        ("bücher.example", "https://xn--bcher-kva.example/", True),
        ("xn--bcher-kva.example", "https://www.bücher.example/", True),
        ("https://example.com:8443/x", "https://example.com/", True),
        ("192.0.2.1", "http://192.0.2.1:8080/", True),
        ("", "https://example.com/", False),
        (" ", "https://example.com/", False),
    ],
)
def test_an_excluded_domain_covers_its_subdomains(domain: str, url: str, excluded: bool) -> None:
    destination = destination_of(url)
    assert destination is not None
    assert is_excluded(destination, (domain,)) is excluded
    reason = judge(candidate(url), LinkPolicy(skip_domains=(domain,), public_url=PUBLIC.public_url))
    assert (reason is LinkReason.EXCLUDED_DOMAIN) is (excluded and "@" not in url)


@pytest.mark.parametrize(
    ("setting", "public_url", "text", "left"),
    [
        # same-site: only another site than the tracking host is warned of
        ("same-site", "https://track.example.com", "www.example.com", False),
        ("same-site", "https://track.example.com", "https://shop.example.com/offer", False),
        ("same-site", "https://track.example.com", "www.example.net", True),
        ("same-site", "https://track.example.com", "Read more", False),
        ("same-site", "https://t.example.co.uk", "shop.example.co.uk", False),
        ("same-site", "https://t.example.co.uk", "other.co.uk", True),
        ("same-site", "https://t.example.co.jp", "www.other.co.jp", True),
        ("same-site", "https://one.github.io", "two.github.io", True),
        ("same-site", "https://track.bücher.example", "www.xn--bcher-kva.example", False),
        ("same-site", "https://192.0.2.1", "https://192.0.2.2/", True),
        ("same-site", "https://192.0.2.1", "https://192.0.2.1/x", False),
        # on loopback everything is tracked: that is the sandbox
        ("same-site", "http://127.0.0.1:8025", "www.example.net", False),
        ("same-site", "http://127.9.9.9", "www.example.net", False),
        ("same-site", "http://[::1]:8025", "www.example.net", False),
        ("same-site", "http://localhost:8025", "www.example.net", False),
        ("same-site", "http://localhost.example.com", "www.example.net", True),
        # leave: every text that is a URL
        ("leave", "http://127.0.0.1:8025", "www.example.net", True),
        ("leave", "https://track.example.com", "www.example.com", True),
        ("leave", "https://track.example.com", "Read more", False),
        # track: none
        ("track", "https://track.example.com", "www.example.net", False),
    ],
)
def test_a_text_that_is_a_url_is_left_where_mail_programs_would_warn(
    setting: str, public_url: str, text: str, left: bool
) -> None:
    policy = LinkPolicy(text_is_url=TextIsUrl(setting), public_url=public_url)
    assert (judge(candidate("https://go.example.org/x", text), policy) is LinkReason.TEXT_IS_URL) is left


def test_quoted_links_follow_the_setting() -> None:
    quoted = candidate("https://shop.example.com/", quoted=True)
    assert judge(quoted, PUBLIC) is LinkReason.QUOTED
    assert judge(quoted, LinkPolicy(quoted=Quoted.TRACK, public_url=PUBLIC.public_url)) is None


@pytest.mark.parametrize(
    ("link", "reason", "why"),
    [
        (candidate("mailto:a@example.com", quoted=True), LinkReason.SCHEME, "what is no web link cannot be tracked"),
        (candidate("#top", data_track="no"), LinkReason.RELATIVE, "nor can an anchor"),
        (candidate("https://track.example.com/c/x", own=True, quoted=True), LinkReason.OWN, "ours wherever it stands"),
        (candidate("https://example.com/unsubscribe", quoted=True), LinkReason.QUOTED, "somebody else's mail"),
        (candidate("https://example.com/unsubscribe", data_track="no"), LinkReason.OPTED_OUT, "asked for by hand"),
        (candidate("https://skip.example.org/unsubscribe"), LinkReason.EXCLUDED_DOMAIN, "configured by hand"),
        (candidate("https://example.com/unsubscribe?token=9f86d081884c7d659a2f"), LinkReason.UNSUBSCRIBE, "its use"),
        (
            candidate("https://example.com/reset?token=9f86d081884c7d659a2f", "https://example.com/reset"),
            LinkReason.SECRET,
            "a secret is one even where no program would warn",
        ),
    ],
)
def test_the_first_rule_that_applies_gives_the_reason(link: LinkCandidate, reason: LinkReason, why: str) -> None:
    policy = LinkPolicy(skip_domains=("skip.example.org",), public_url="https://track.example.com")
    assert judge(link, policy) is reason, why


@given(
    st.text(max_size=100),
    st.text(max_size=100),
    st.dictionaries(st.text(max_size=20), st.text(max_size=20), max_size=3),
    st.booleans(),
)
def test_judging_never_raises_and_tracks_only_web_links(
    href: str, text: str, attributes: dict[str, str], quoted: bool
) -> None:
    for whole in (href, "https://example.com/" + href, "https://" + href):
        destination = destination_of(whole)
        reason = judge(LinkCandidate(whole, destination, text, attributes, quoted), PUBLIC)
        assert reason is not None or destination is not None


@pytest.mark.parametrize(
    ("host", "site"),
    [
        ("example.com", "example.com"),
        ("a.b.example.com", "example.com"),
        ("a.example.co.uk", "example.co.uk"),
        ("co.uk", "co.uk"),
        ("example.com.au", "example.com.au"),
        ("www.example.ne.jp", "example.ne.jp"),
        ("www.example.gv.at", "example.gv.at"),
        ("me.github.io", "me.github.io"),
        ("x.me.github.io", "me.github.io"),
        ("www.example.com.pl", "example.com.pl"),
        ("www.example.kobe.jp", "www.example.kobe.jp"),
        ("www.city.kobe.jp", "city.kobe.jp"),  # an exception in the list
        ("mail.me.synology.me", "me.synology.me"),
        ("xn--wgv71a.xn--55qx5d.cn", "xn--wgv71a.xn--55qx5d.cn"),  # ICANN's .公司.cn
        ("t.example.nosuch", "example.nosuch"),
        ("co.example", "co.example"),
        ("a.co.example", "co.example"),
        ("192.0.2.1", "192.0.2.1"),
        ("2001:db8::1", "2001:db8::1"),
        ("localhost", "localhost"),
    ],
)
def test_a_site_is_a_registrable_domain(host: str, site: str) -> None:
    assert site_of(host) == site


@pytest.mark.parametrize(
    ("host", "other", "same"),
    [
        ("t.example.com", "www.example.com", True),
        ("example.com", "example.com", True),
        ("example.com", "example.net", False),
        ("me.duckdns.org", "you.duckdns.org", False),
        ("t.me.duckdns.org", "me.duckdns.org", True),
        ("example.co.uk", "example2.co.uk", False),
        ("192.0.2.1", "198.51.2.1", False),
        ("localhost", "com", False),
        ("", "example.com", False),
    ],
)
def test_hosts_are_of_one_site_when_one_owner_has_both(host: str, other: str, same: bool) -> None:
    assert is_same_site(host, other) is same
    assert is_same_site(other, host) is same


@given(st.lists(st.text(max_size=5), max_size=4))
def test_any_name_at_all_has_a_site(labels: list[str]) -> None:
    host = ascii_host(".".join(labels))
    assert host.endswith(site_of(host))


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://Example.COM:8443/x", "example.com"),
        ("https://user:pass@example.com/@x", "example.com"),
        ("https://[2001:DB8::1]:80/", "2001:db8::1"),
        ("https://example.com.", "example.com"),
        ("https://bücher.example?x", "xn--bcher-kva.example"),
        ("nonsense", ""),
    ],
)
def test_the_host_of_a_url_is_found(url: str, host: str) -> None:
    assert host_of(url) == host
    assert ascii_host(host) == host


@pytest.mark.parametrize(
    ("host", "loops"),
    [("127.0.0.1", True), ("127.8.8.8", True), ("::1", True), ("localhost", True), ("a.localhost", True),
     ("10.0.0.1", False), ("example.com", False), ("", False)],
)  # fmt: skip
def test_loopback_is_told(host: str, loops: bool) -> None:
    assert is_loopback(host) is loops
