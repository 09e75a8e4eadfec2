"""Which site a host name belongs to: the registrable domain, as far as a short table can tell.

Mail programs compare link text and link target by registrable domain. The full public suffix list has some ten
thousand entries and changes weekly; here stand the second-level suffixes and hosting platforms that real mail
names. A suffix that is missing makes two customers of it look like one site, which costs at worst a warning in the
reader's mail program, never a wrong link; and it takes a tracking host below that very suffix. For so little the whole
list, with its megabytes and its age, is not brought along. IP addresses and single labels compare whole. Pure.
"""

from __future__ import annotations

import re
from functools import lru_cache
from ipaddress import ip_address

import idna

# Under many country codes names are registered at the third level behind one of these. Where that is not so, two names
# of one owner are taken for two sites: then a link stays as it is that could have been tracked, which harms nobody.
_GENERIC_SECOND = frozenset(str.split("ac co com edu gob gov gouv gv ltd mil ne net nom or org plc sch"))
_SUFFIXES = frozenset(
    str.split(
        # national second levels beyond the generic ones
        "me.uk nhs.uk police.uk ad.jp ed.jp go.jp gr.jp lg.jp asn.au id.au geek.nz gen.nz govt.nz iwi.nz kiwi.nz"
        " maori.nz school.nz art.br blog.br eco.br ind.br jus.br leg.br re.kr pe.kr go.kr idv.tw game.tw firm.in"
        " gen.in ind.in res.in nic.in web.za law.za nom.za muni.il k12.il in.th go.th mi.th web.id go.id my.id biz.id"
        " desa.id web.tr gen.tr bel.tr pol.tr k12.tr biz.pl info.pl waw.pl in.ua kiev.ua kyiv.ua lviv.ua asso.fr"
        " prd.fr tm.fr"
        # platforms that give a name to each customer
        " github.io gitlab.io pages.dev workers.dev netlify.app vercel.app web.app firebaseapp.com herokuapp.com"
        " fly.dev onrender.com azurewebsites.net cloudfront.net amazonaws.com s3.amazonaws.com blogspot.com"
        " wordpress.com myshopify.com wixsite.com weebly.com appspot.com run.app ngrok.io ngrok-free.app glitch.me"
        " surge.sh readthedocs.io translate.goog trycloudflare.com duckdns.org dyndns.org no-ip.org"
    )
)
_HOST = re.compile(r"(?:[^/@?#\\]*@)?(\[[^\]]*\]|[^:/?#\\]*)")


def host_of(url: str) -> str:
    """The host of an http(s) URL in lower case and ASCII, without port and trailing dot; empty when there is none."""
    _, _, rest = url.partition("://")
    match = _HOST.match(rest)
    return ascii_host(match[1]) if match else ""


@lru_cache(maxsize=1024)
def ascii_host(host: str) -> str:
    """A host name as it is compared: lower case, IDNA, no brackets, no trailing dot. What cannot be encoded stays."""
    host = host.strip("[]").lower().rstrip(".\u3002\uff0e\uff61")
    if host.isascii():
        return host
    try:
        return idna.encode(host, uts46=True, std3_rules=False).decode("ascii")
    except (idna.IDNAError, UnicodeError):
        return host


@lru_cache(maxsize=1024)
def site_of(host: str) -> str:
    """The registrable domain of a host (as ``ascii_host`` gives it): what a mail program compares."""
    labels = host.split(".")
    if len(labels) < 3 or is_address(host):
        return host
    return ".".join(labels[-3:] if _is_suffix(labels[-2], labels[-1]) else labels[-2:])


def _is_suffix(second: str, top: str) -> bool:
    return f"{second}.{top}" in _SUFFIXES or (second in _GENERIC_SECOND and len(top) == 2)


def is_address(host: str) -> bool:
    """Whether the host is an IP address."""
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


@lru_cache(maxsize=64)
def is_loopback(host: str) -> bool:
    """Whether the host can only be the reader's own machine, where no other site can be meant."""
    if host == "localhost" or host.endswith(".localhost"):  # RFC 6761 section 6.3
        return True
    return is_address(host) and ip_address(host).is_loopback


def is_within(host: str, domain: str) -> bool:
    """Whether the host is the domain or a subdomain of it; both as ``ascii_host`` gives them."""
    return host == domain or host.endswith("." + domain)
