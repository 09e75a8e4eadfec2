"""The decision table: each rule on a hit that says why, precedence, and what must hold for any request at all."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.records import Confidence, HitClass, HitFacts, HitKind, Verdict
from mailglass.commands.labelled_hits import read_hit
from pixel_server.public.classify import RULES, HitContext, Neighbours, decide
from pixel_server.public.signs.loading import load_signs
from pixel_server.public.signs.tables import Marks, NetworkSign, Sign, Signs
from pixel_server.public.windows import Windows
from pixel_server.rule_words import RULE_WORDS
from tests.classify.verdicts import first_verdict

FIREFOX = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0"
THUNDERBIRD = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Thunderbird/140.3.0"
GOOGLE_PROXY = "Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)"
GMAIL_PREFETCH = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/42.0.2311.135 Safari/537.36 Edge/12.246 Mozilla/5.0"
)
OUTLOOK = (
    "Mozilla/4.0 (compatible; MSIE 7.0; Windows NT 10.0; WOW64; Trident/7.0; Microsoft Outlook 16.0.5; ms-office; "
    "MSOffice 16)"
)
OUTLOOK_TOO = "Microsoft Office/16.0 (Windows NT 10.0; Microsoft Outlook 16.0.14931; Pro)"
APPLE_MAIL = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko)"
SAFARI = APPLE_MAIL + " Version/17.6 Safari/605.1.15"
CUBOT = (
    "Mozilla/5.0 (Linux; Android 9; CUBOT X19) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/100.0 Mobile Safari/537.36"
)
BOT_PHONE = (
    "Mozilla/5.0 (Linux; Android 8.1.0; M bot 60 Build/O11019; wv) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Version/4.0 Chrome/100.0 Mobile Safari/537.36"
)
SPIDER_PHONE = BOT_PHONE.replace("M bot 60", "Spider 8")
NOTION_DESKTOP = (
    "Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 (KHTML, like Gecko) Notion/2.0.8 Chrome/76.0 Electron/6.1"
)

CHROME = "Mozilla/5.0 (Linux; Android 7.1.2) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/66.0 Mobile Safari/537.36"
ELECTRON = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko)"
# One for each way in which programs show that they are some, and beside them people's that look nearly so.
PROGRAMS = (
    "Java1.1.4", "Java-http-client/11.0.13", "HTTP_Request2/2.3.0 PHP/5.3.3", "Go 1.1 package http",
    "akka-http/10.1.11", "cpp-httplib/0.10.9", "ReactorNetty/0.9.10.RELEASE", "Embarcadero URI Client/1.0",
    "hackney/1.7.1", "req/v3",
    "Mozilla/5.0libwww-perl/5.826", "IPinfoClient/Ruby/2.2.1", "Mozilla/5.0 (win32) (KHTML, like Gecko) jsdom/15.2.1",
    "Bloglovin/1.0 (http://www.bloglovin.com; 1 subscribers)", "Mozilla/5.0 (compatible; Ezooms/1.0; help@moz.com)",
    "Mozilla/5.0 (compatible; evc-batch/2.0)", f"{ELECTRON[:-1]}; compatible; pageburst) Chrome/98.0 Safari/537.36",
    "Google-AdWords-Express", "internetVista monitor", "websitepulse checker/1.1", "Netcraft Web Server Survey",
    f"{CHROME} GTmetrix", "Cloudflare-diagnostics", "SSL Labs", "GIFTEDVISITOR SCAN",
    "Mozilla/5.0 (compatible; U; WebCopier/4.6)", f"{CHROME} CloudflareObservatory/1.0", "LogicMonitor SiteMonitor/1.0",
    f"{ELECTRON[:-1]}; Google-Sites-Thumbnails) Chrome/120.0 Safari/537.36", "Google-Cloud-Tasks", "GoogleHC/1.0",
    "COMODO SSL Checker", "ELB-HealthChecker/2.0", "Owler@ows.eu/1", "hyper/0.14", "Erlang/OTP httpc", "Miniflux/2.0",
    "GlobalWebSearch", "Metorik API Client/2.0.1", "Shopify-Captain-Hook", "Apache-CXF/3.3",
    "Mozilla/5.0 (Linux; CentOS; compatible; example-discovery; HTTPClient 4.5)",
    "Mozilla/5.0 (compatible; um-FC/1.0; https://example.com/; Windows NT 6.1; rv:125.0) Gecko/20100101 Firefox/125.1",
    "Mozilla/5.0 (compatible;Example Agent) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/129.0.0.0 Safari/537.36",
    # What crawlers say of themselves counts beside a browser's name too.
    f"{ELECTRON[:-1]}; compatible; Googlebot/2.1; +http://www.google.com/bot.html) Chrome/120.0 Safari/537.36",
    f"{ELECTRON[:-1]}; compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm) Chrome/116.0 Safari/537.36",
    "Mozilla/5.0 (compatible; AhrefsBot/7.0; +http://ahrefs.com/robot/)",
    # A telephone's name hides no crawler that says who it is, and a crawler becomes no telephone.
    f"{BOT_PHONE} (compatible; Googlebot/2.1)", f"{SPIDER_PHONE} (compatible; Bytespider)",
    BOT_PHONE.replace("M bot 60 Build/O11019", "M bot 60"), BOT_PHONE.replace("M bot 60", "examplebot; X1"),
    f"{CHROME} Examplebot Build/1", "amazing/1.0 libwww/5.4.0", "W3C-mosaic-check libwww/5.4.0",
    f"{ELECTRON} HeadlessChrome/113.0 Safari/537.36", f"{CHROME} (+https://example.com/about)",
)  # fmt: skip
NO_PROGRAMS = (
    BOT_PHONE, BOT_PHONE.replace("M bot 60", "HYUNDAI_BOT"), BOT_PHONE.replace("; wv", ""), SPIDER_PHONE,
    "amaya/9.1 libwww/5.4.0", "NCSA_Mosaic/2.7b5 (X11;Linux 2.2.19 i686)  libwww/2.12 modified",
    "Lynx/2.8.9rel.1 libwww-FM/2.14 SSL-MM/1.4.1 GNUTLS/3.6.5",  # what mutt opens links with
    f"{CHROME} CamScanner/6.27.0", "Mozilla/5.0 (Linux; Android 4.3; Google Nexus 4 Build/JLS36G) Chrome/30.0",
    "Mozilla/5.0 (compatible; MSIE 10.0; Windows NT 6.2; WOW64; Trident/6.0)",
    "Mozilla/5.0 (compatible; Konqueror/4.4; Linux) KHTML/4.4.5 (like Gecko) Kubuntu",
    "Links (2.1pre23; Linux 3.5.0 i686)",
    # Browsers and telephones that carry an address, a page or a common word.
    "Mozilla/4.0 (compatible; MSIE 6.0; Windows NT 5.1; Feedreader; .NET CLR 1.1.4322)",
    "Mozilla/4.0 (compatible; MSIE 6.0; Windows NT 5.1; SV1; Embedded Web Browser from: http://bsalsa.com/; .NET CLR)",
    "Avant Browser/1.2.789rel1 (http://www.avantbrowser.com)",
    "Mozilla/5.0 (Windows; U; Windows NT 5.1; en-US; rv:1.6) Gecko/20040206 Firefox/0.8 (John Bokma, http://johnbokma.com/)",
    "Mozilla/5.0 (compatible; Konqueror; FreeBSD; http://www.cartedaffaire.net/)",
    "Mozilla/4.0 ( http://example.com/ ; mailto:user@example.com ; NSA/666.666.666 ; .NET CLR 1.1.4322)",
    "Mozilla/5.0 (compatible; Teleca Q7; Brew 3.1.5; U; en) 240X400 LGE VX9700",
    "Mozilla/5.0 (compatible; OSS/1.0; Chameleon; Linux) MOT-U9/R6632_G_81.11.29R BER/2.0 Profile/MIDP-2.0",
    "Mozilla/5.0 (compatible; iCab 3.0.3; Macintosh; U; PPC Mac OS)", "Mozilla/5.0 (compatible; Galeon/1.2; Linux)",
    "Mozilla/5.0 (compatible; Netscape 7.0)", "Mozilla/5.0 (compatible; X11; Linux i686; Konqueror/3.2)",
    "Mozilla/5.0 (compatible; Windows; U; Windows NT 6.2; WOW64; en-US; rv:12.0) Gecko/20120403211507 Firefox/12.0",
    "Mozilla/4.0 (compatible; MSIE 6.0; Windows NT 5.1; Google-TR-1)",
    "Mozilla/5.0 (Windows; U; Windows NT 5.0; en-US; rv:1.7.5; Google-TR-1) Gecko/20041107 Firefox/1.0",
    "SonyEricssonw580i/R4EA Java/SEMC-Java/2.0 Profile/MIDP-2.0 Configuration/CLDC-1.1 sonyericssonw580i",
    "Mozilla/4.0 (compatible; MSIE 6.0; Windows NT 5.0; user@ch.eu.csc.com; .NET CLR 1.0.3705; .NET CLR 1.1.4322)",
    *(form for name in ("MyHealthyVet", "SamsungHealth/6.22.0", "HuaweiHealth/11.0.4", "Cloudflare-WARP",
                        "Site Audit/1.0", "SurveyMonkey/4.2", "QR Scanner/2.1", "Baby Monitor/1.0", "Probe/1.0",
                        "Feed Reader/3")
      for form in (f"{CHROME} {name}", f"{FIREFOX} {name}", f"{SAFARI} {name}")),
    "MyHealthyVet", "SamsungHealth/6.22.0", "HuaweiHealth/11.0.4", "Cloudflare-WARP", "SurveyMonkey/4.2",
    "xChaos_Arachne/5.1.95;GPL,387+ (www.example.org)", "web.de Mail/7.2", "com.example.mail/3.1", "org.example.app/2",
    # A host alone says where a person's program is from too.
    "HEY/1.2.3 (hey.com)", "Missive/10.0 (missiveapp.com)", "Front/3.2 (frontapp.com)", "Tuta/240 (tuta.com)",
    "web.de/7.0", "Outlook.com", "Battle.net/2.6.0 (retail)", "Airr (airr.io)", "Podvine/4.0.1 (www.podvine.com)",
    "Search Mail/2", "SearchMail", "Mail Search 2", "OutlookSearch/1.0", "Search for Outlook",
    "QR Scanner/2.1", CUBOT.replace("CUBOT X19", "Scanner TC51"), CUBOT.replace("CUBOT X19", "Site Scanner 2"),
    f"{CHROME} [FBAN/FBIOS;FBAV/300.0]", f"{CHROME} Instagram 123.0", "Mozilla/4.01 (Compatible; Java 1)",
)  # fmt: skip
SOMEWHERE = "203.0.113.24"

open_, click = HitKind.OPEN, HitKind.CLICK
human, proxy, prefetch = HitClass.HUMAN, HitClass.IMAGE_PROXY, HitClass.PRIVACY_PREFETCH
scanner, preview, bot, own = HitClass.SECURITY_SCANNER, HitClass.LINK_PREVIEW, HitClass.BOT, HitClass.OWN
certain, probable = Confidence.CERTAIN, Confidence.PROBABLE


def ask(signs: Signs, kind: HitKind, agent: str | None = FIREFOX, *, method: str = "GET", ip: str = SOMEWHERE,
        headers: dict[str, str] | None = None, delay: float | None = 1800.0, **context: Any) -> Verdict:  # fmt: skip
    sent = {} if agent is None else {"User-Agent": agent}
    return first_verdict(
        HitFacts(method, {**sent, **(headers or {})}, ip), HitContext(kind, delay, **context), signs, Windows()
    )


@pytest.mark.parametrize(
    ("kind", "what", "expected"),
    [
        # R01: a session cookie is proof, whatever else the request shows
        (open_, {"own_session": True, "delay": -1.0}, (own, certain, "R01")),
        # R04: nobody but a filter on the way has the message before the upstream accepted it
        (click, {"delay": -0.001}, (scanner, certain, "R04")),
        (click, {"delay": 0.0}, (scanner, probable, "R21")),
        # R05: Office asks with OPTIONS what a server can do; others who do not GET are programs
        (click, {"method": "OPTIONS", "agent": "Microsoft Office Protocol Discovery"}, (preview, certain, "R05")),
        (click, {"method": "PROPFIND"}, (bot, certain, "R05")),
        # R06: HEAD is a machine's, a preview's or Office's where it says so
        (open_, {"method": "HEAD"}, (bot, probable, "R06")),
        (click, {"method": "HEAD"}, (scanner, probable, "R06")),
        (click, {"method": "HEAD", "agent": "Microsoft Office Existence Discovery"}, (preview, certain, "R06")),
        (click, {"method": "HEAD", "agent": "Slackbot 1.0"}, (preview, certain, "R06")),
        # R07: all four headers, with the parameters browsers write
        (click, {"headers": {"sec-purpose": "prefetch;prerender"}}, (preview, certain, "R07")),
        (click, {"headers": {"X-MOZ": "Prefetch"}}, (preview, certain, "R07")),
        (click, {"headers": {"X-Purpose": "instant"}}, (preview, certain, "R07")),
        (click, {"headers": {"Purpose": "navigate"}}, (human, probable, "R22")),
        # R08: no user agent, or white space
        (open_, {"agent": None}, (bot, probable, "R08")),
        (open_, {"agent": "  "}, (bot, probable, "R08")),
        # R09 before the networks and the HTTP libraries
        (click, {"agent": "Barracuda Sentinel (EE)", "ip": "209.222.82.7"}, (scanner, certain, "R09")),
        # the mail server's own virus filter, which comes before every reader
        (open_, {"agent": "ClamAV/0.101.5 (OS: linux-gnu, ARCH: x86_64, CPU: x86_64)"}, (scanner, certain, "R09")),
        (open_, {"agent": "Not Microsoft Exchange/15.20"}, (human, probable, "R22")),
        # R10, R11, R12: what fetches images has no business on a link
        (open_, {"agent": GMAIL_PREFETCH}, (prefetch, certain, "R10")),
        (click, {"agent": GMAIL_PREFETCH}, (scanner, probable, "R10")),
        (open_, {"agent": GMAIL_PREFETCH + " more"}, (human, probable, "R22")),
        (open_, {"agent": "Mozilla/5.0", "ip": "104.28.28.17"}, (prefetch, certain, "R11")),
        (open_, {"agent": "Mozilla/5.0"}, (prefetch, probable, "R11")),
        (click, {"agent": "Mozilla/5.0", "ip": "104.28.28.17"}, (bot, probable, "R11")),
        (open_, {"agent": GOOGLE_PROXY, "delay": 0.5}, (proxy, certain, "R12")),
        (click, {"agent": GOOGLE_PROXY}, (scanner, probable, "R12")),
        (open_, {"agent": "Mozilla/5.0 FastmailUA/1.0"}, (human, probable, "R22")),
        # R13 before R20, though half of them call themselves a bot; the desktop program of the same name is a person's
        (click, {"agent": "Mozilla/5.0 (compatible; Discordbot/2.0)"}, (preview, certain, "R13")),
        (open_, {"agent": NOTION_DESKTOP}, (human, probable, "R22")),
        (click, {"agent": "Mozilla/5.0 (compatible; NotionBot)"}, (preview, certain, "R13")),
        (click, {"agent": "ViberUrlDownloader"}, (preview, certain, "R13")),
        (click, {"agent": f"{CHROME} Viber/11.9.5.8"}, (human, probable, "R22")),
        (click, {"agent": "WhatsApp/2.22.9.76 i"}, (preview, certain, "R13")),
        (click, {"agent": f"{ELECTRON} whatsapp-app/1.0.1 Chrome/91.0 Electron/13.1"}, (human, probable, "R22")),
        # R14: IPv6 too
        (click, {"ip": "2a01:111:f403::1"}, (scanner, certain, "R14")),
        (click, {"ip": "::ffff:40.107.22.5"}, (scanner, certain, "R14")),
        # R15: to the second; later there are people behind it; whole clouds say nothing
        (click, {"asn": 26211, "delay": 120.0}, (scanner, probable, "R15")),
        (click, {"asn": 26211, "delay": 120.1}, (human, probable, "R22")),
        (click, {"asn": 26211, "delay": None}, (human, probable, "R22")),
        (click, {"asn": 8075, "delay": 60.0}, (human, probable, "R22")),
        # R16: three links, or all of two; one link is never a burst, and pixels are none
        (click, {"neighbours": Neighbours(3, 9)}, (scanner, certain, "R16")),
        (click, {"neighbours": Neighbours(2, 9)}, (human, probable, "R22")),
        (click, {"neighbours": Neighbours(2, 2)}, (scanner, certain, "R16")),
        (click, {"neighbours": Neighbours(1, 1)}, (human, probable, "R22")),
        (click, {"neighbours": Neighbours(2, None)}, (human, probable, "R22")),
        (open_, {"neighbours": Neighbours(3, 9)}, (human, probable, "R22")),
        (click, {"neighbours": Neighbours(3, 9), "agent": THUNDERBIRD}, (scanner, certain, "R16")),
        # R17: provisional until the browser's time is over; on a pixel Outlook is a person's (R19)
        (click, {"agent": OUTLOOK}, (preview, probable, "R17")),
        (click, {"agent": OUTLOOK, "neighbours": Neighbours(browser_followed=True)}, (preview, probable, "R17")),
        (click, {"agent": OUTLOOK, "neighbours": Neighbours(browser_followed=False)}, (human, probable, "R17")),
        (open_, {"agent": OUTLOOK}, (human, probable, "R19")),
        (open_, {"agent": OUTLOOK_TOO}, (human, probable, "R19")),
        (click, {"agent": OUTLOOK_TOO}, (preview, probable, "R17")),
        (click, {"agent": OUTLOOK_TOO, "neighbours": Neighbours(browser_followed=False)}, (human, probable, "R17")),
        # R18 before R19: in the sender's own office even a known mail program is the sender's, probably
        (open_, {"agent": THUNDERBIRD, "own_network_match": True}, (own, probable, "R18")),
        # R19 before R21: a preview pane can be quicker than two seconds
        (open_, {"agent": THUNDERBIRD, "delay": 0.4}, (human, probable, "R19")),
        (open_, {"agent": APPLE_MAIL, "delay": 0.4}, (human, probable, "R19")),
        (open_, {"agent": SAFARI, "delay": 0.4}, (scanner, probable, "R21")),
        # R20: programs, and a telephone that only sounds like one
        (click, {"agent": "curl/8.5.0"}, (bot, certain, "R20")),
        (open_, {"agent": CUBOT}, (human, probable, "R22")),
        *((click, {"agent": agent}, (bot, certain, "R20")) for agent in PROGRAMS),
        *((click, {"agent": agent}, (human, probable, "R22")) for agent in NO_PROGRAMS),
        # R21: to the millisecond, by kind; no clock, no judgement
        (open_, {"delay": 1.999}, (scanner, probable, "R21")),
        (open_, {"delay": 2.0}, (human, probable, "R22")),
        (click, {"delay": 9.999}, (scanner, probable, "R21")),
        (click, {"delay": 10.0}, (human, probable, "R22")),
        (click, {"delay": None}, (human, probable, "R22")),
        # Loopback is no evidence: a sandbox's own user is a person, unless the request itself says otherwise
        (open_, {"delay": 0.1, "ip": "127.0.0.1"}, (human, probable, "R22")),
        (click, {"delay": 0.1, "ip": "::1", "own_network_match": True}, (human, probable, "R22")),
        (click, {"ip": "127.0.0.1", "neighbours": Neighbours(5, 5)}, (human, probable, "R22")),
        (click, {"loopback": True, "delay": 1.0}, (human, probable, "R22")),
        (click, {"ip": "127.0.0.1", "agent": "curl/8.5.0"}, (bot, certain, "R20")),
        (click, {"ip": "127.0.0.1", "delay": -1.0}, (scanner, certain, "R04")),
        # A wish for privacy is no sign of a machine
        (click, {"headers": {"Sec-GPC": "1", "DNT": "1"}}, (human, probable, "R22")),
    ],
)  # fmt: skip
def test_a_hit_gets_the_class_that_its_rule_says(
    signs: Signs, kind: HitKind, what: dict[str, Any], expected: tuple[HitClass, Confidence, str]
) -> None:
    verdict = ask(signs, kind, **what)
    assert (verdict.hit_class, verdict.confidence, verdict.rule) == expected


def test_every_labelled_hit_comes_out_as_labelled(signs: Signs, labelled: list[dict[str, Any]]) -> None:
    assert len(labelled) > 50
    for vector in labelled:
        hit = read_hit(vector)
        verdict = first_verdict(hit.facts, hit.context, signs, Windows())
        expected = vector["expect"]
        got = (verdict.hit_class, verdict.confidence, verdict.rule)
        assert got == (expected["class"], expected["confidence"], expected["rule"]), vector["id"]


def test_every_documented_sign_of_the_labelled_hits_holds_in_any_case(
    signs: Signs, labelled: list[dict[str, Any]]
) -> None:
    for vector in labelled:
        hit = read_hit(vector)
        shouted = HitFacts(
            hit.facts.method.lower(), {name.upper(): value for name, value in hit.facts.headers.items()}, hit.facts.ip
        )
        assert first_verdict(shouted, hit.context, signs, Windows()) == first_verdict(
            hit.facts, hit.context, signs, Windows()
        ), vector["id"]


SIGNS = load_signs()
agents = st.one_of(
    st.text(max_size=200),
    st.sampled_from([FIREFOX, THUNDERBIRD, GOOGLE_PROXY, GMAIL_PREFETCH, OUTLOOK, APPLE_MAIL, "Mozilla/5.0", ""]),
    st.text("aMozil/5.0 (;)bot" * 2, max_size=3000),
)
names = st.one_of(st.text(max_size=30), st.sampled_from(["User-Agent", "Sec-Purpose", "purpose", "X-Moz", "Host"]))
contexts = st.builds(
    HitContext,
    st.sampled_from(HitKind),
    st.none() | st.floats(allow_nan=True, allow_infinity=True),
    st.booleans(),
    st.booleans(),
    st.builds(Neighbours, st.integers(0, 9), st.none() | st.integers(0, 9), st.none() | st.booleans()),
    st.booleans(),
    st.none() | st.integers(0, 70000),
)
marks = st.builds(
    Marks,
    st.sampled_from(["GET", "HEAD", "POST", ""]),
    st.dictionaries(st.sampled_from(Sign), st.just("x"), max_size=3),
    st.booleans(),
    st.frozensets(st.sampled_from(NetworkSign)),
    st.none(),
    st.booleans(),
)


@given(st.text(max_size=20), st.dictionaries(names, agents, max_size=5), st.text(max_size=40), contexts)
@settings(max_examples=200, deadline=None)
def test_no_request_makes_it_raise(method: str, headers: dict[str, str], ip: str, context: HitContext) -> None:
    verdict = first_verdict(HitFacts(method, headers, ip), context, SIGNS, Windows())
    assert verdict.rule in RULE_WORDS


@given(marks, contexts)
@settings(max_examples=300, deadline=None)
def test_the_first_rule_that_matches_decides(marks: Marks, context: HitContext) -> None:
    verdict = decide(marks, context, Windows())
    order = [rule for rule, _ in RULES]
    assert order == sorted(order)
    later = order[order.index(verdict.rule) + 1 :] if verdict.rule in order else []
    # Taking away what the deciding rule asks for can only lead to a later rule, never to an earlier one.
    stripped = {sign: word for sign, word in marks.tokens.items() if str(sign) != _SIGN_OF.get(verdict.rule)}
    if verdict.rule in _SIGN_OF:
        without = decide(
            Marks(marks.method, stripped, marks.speculative, marks.networks, None, marks.loopback), context, Windows()
        )
        assert without.rule in [*later, "R22"]


_SIGN_OF = {"R08": "empty", "R09": "scanner", "R10": "gmail-prefetch", "R11": "bare", "R12": "image-proxy",
            "R13": "preview", "R17": "office", "R19": "mail-client", "R20": "program"}  # fmt: skip


@given(marks, contexts)
@settings(max_examples=200, deadline=None)
def test_head_and_other_methods_are_never_a_persons(marks: Marks, context: HitContext) -> None:
    if marks.method != "GET" and not context.own_session:
        assert decide(marks, context, Windows()).hit_class.column == "machine"


@given(marks, contexts)
@settings(max_examples=200, deadline=None)
def test_on_loopback_neither_speed_nor_bursts_nor_own_addresses_decide(marks: Marks, context: HitContext) -> None:
    if marks.loopback or context.loopback:
        assert decide(marks, context, Windows()).rule not in ("R16", "R18", "R21")
