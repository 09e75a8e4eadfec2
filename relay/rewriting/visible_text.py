"""Whether the visible text of a link is itself a URL or a host name, and of which host.

Mail programs warn of phishing when such a text and the link's target are on different sites. Only a text that is
wholly a URL counts: one that stands among other words does not. E-mail addresses are no URLs. Pure.
"""

from __future__ import annotations

import re

from relay.rewriting.sites import ascii_host, is_top_level

# A host name without a scheme needs a top-level domain that exists: "Node.js", "report.pdf", "Яндекс.Карты" have none.
_COUNTRY_DOMAINS = frozenset(
    str.split(
        "ac ad ae af ag ai al am ao aq ar as at au aw ax az ba bb bd be bf bg bh bi bj bm bn bo br bs bt bw by bz ca"
        " cc cd cf cg ch ci ck cl cm cn co cr cu cv cw cx cy cz de dj dk dm do dz ec ee eg er es et eu fi fj fk fm fo"
        " fr ga gb gd ge gf gg gh gi gl gm gn gp gq gr gs gt gu gw gy hk hm hn hr ht hu id ie il im in io iq ir is it"
        " je jm jo jp ke kg kh ki km kn kp kr kw ky kz la lb lc li lk lr ls lt lu lv ly ma mc md me mg mh mk ml mm mn"
        " mo mp mq mr ms mt mu mv mw mx my mz na nc ne nf ng ni nl no np nr nu nz om pa pe pf pg ph pk pl pm pn pr ps"
        " pt pw py qa re ro rs ru rw sa sb sc sd se sg sh si sk sl sm sn so sr ss st su sv sx sy sz tc td tf tg th tj"
        " tk tl tm tn to tr tt tv tw tz ua ug uk us uy uz va vc ve vg vi vn vu wf ws ye yt za zm zw"
    )
)
_OTHER_DOMAINS = frozenset(
    str.split(
        "com net org info biz edu gov mil int name pro mobi jobs travel museum coop aero asia cat tel post arpa xxx"
        " academy agency app art associates audio auction band bank bar beer berlin best bike bio blog boutique build"
        " builders business buzz bzh cab cafe camera camp capital cards care career careers cash center charity chat"
        " church city clinic clothing cloud club coach codes coffee college cologne community company computer"
        " consulting cooking cool coupons courses credit cruises dance dating deals delivery dental design dev"
        " diamonds digital direct directory discount doctor dog domains earth education email energy engineer"
        " engineering enterprises equipment estate eus events exchange expert express family fan farm fashion finance"
        " financial fish fitness flights florist fm foundation fun fund furniture futbol fyi gallery game games garden"
        " gay gift gifts gives glass global gmbh gold golf graphics green group guide guru haus health help hiphop"
        " holdings holiday homes hospital host house how icu immo immobilien inc industries ink institute insurance"
        " insure international investments jetzt jewelry kaufen kitchen koeln land law lawyer lease legal lgbt life"
        " lighting limited link live llc loan lol london love ltd luxury maison management market marketing mba media"
        " memorial menu moda moe money moscow movie nagoya network news ngo nyc observer okinawa one ong online osaka"
        " paris partners parts party pet photo photography photos pics pictures pink pizza place plumbing plus press"
        " productions promo properties pub quebec realty recipes red rehab reise reisen rent rentals repair report"
        " rest restaurant review reviews rip rocks run sale salon school schule science services shoes shop shopping"
        " show site ski soccer social software solar solutions space store stream studio style supplies supply support"
        " surf surgery swiss systems tax taxi team tech technology tennis theater tickets tienda tips tires today"
        " tokyo tools tours town toys trade training tube university uno vacations ventures vet video villas vin vip"
        " vision vodka vote voyage wang watch website wedding wien wiki win wine work works world wtf xyz yachts yoga"
        " yokohama zone"
        # reserved for examples and for machines at home (RFC 2606, RFC 6762, RFC 8375)
        " example test invalid local localhost internal"
    )
)
# Written in mail beside names, and top-level domains all the same; a bare "NAME.md" is far more often a file.
_FILE_ENDINGS = frozenset(str.split("md py pl sh rs cc so ps ai st tf pub"))

_INVISIBLE = dict.fromkeys([*map(ord, "\u00ad\u034f\u061c\u180e\u2060\ufeff"), *range(0x200B, 0x2010)])
_WRAPPINGS = " \t\r\n\u00a0\u3000<>()[]{}\"'«»‹›„“”‘’「」『』【】（）＜＞"
_TRAILING = ".,;:!?…。、，"
_WITH_SCHEME = re.compile(
    r"(?:[a-z][a-z0-9+.-]{1,15}:)?//(?:[^\s/?#@]*@)?(\[[0-9a-f:.]+\]|[^\s/?#@:]+)(?::\d*)?\S*", re.I
)
_BARE_HOST = re.compile(r"([^\s/?#@:]+\.[^\s/?#@:]+)(?::\d{1,5})?(?:[/?#]\S*)?")
_LABEL = re.compile(r"[^\W_](?:[\w-]*[^\W_])?")
_DOTTED_NUMBERS = re.compile(r"\d{1,3}(?:\.\d{1,3}){3}", re.ASCII)


def host_in_text(text: str) -> str | None:
    """The host (ASCII, lower case) when all of the text is a URL or a host name; None when it is anything else."""
    if "." not in text and "/" not in text:
        return None  # most link texts are words
    bare = text.translate(_INVISIBLE).strip(_WRAPPINGS).rstrip(_TRAILING).strip(_WRAPPINGS)
    match = _WITH_SCHEME.fullmatch(bare)
    if match:
        return ascii_host(match[1])
    match = _BARE_HOST.fullmatch(bare)
    if match is None:
        return None
    host = ascii_host(match[1])
    has_path = match.end(1) < len(bare)
    return host if _is_host_name(host, has_path, is_ascii=match[1].isascii()) else None


def _is_host_name(host: str, has_path: bool, *, is_ascii: bool) -> bool:
    if _DOTTED_NUMBERS.fullmatch(host):
        return has_path  # "1.2.3.4" alone may be a version
    labels = host.split(".")
    if not all(_LABEL.fullmatch(label) for label in labels):
        return False
    top = labels[-1]
    if labels[0] == "www" and len(labels) > 2:
        return True
    if top in _FILE_ENDINGS:
        return has_path or len(labels) > 2
    if top.startswith("xn--"):
        return is_ascii or is_top_level(top)  # spelled so it is nothing else
    return top in _COUNTRY_DOMAINS or top in _OTHER_DOMAINS
