"""How long rewriting takes, stage by stage, beside the parsers that others use: one run, one machine.

    python -m bench.rewrite [--rounds N] [--in-a-row N]

Prints a table in Markdown; each figure is the best of N rounds in milliseconds, all candidates interleaved, so that
a busy machine slows them alike. In a round each does its work once, with the others' work in the processor's caches; or
several times in a row, of which the best counts, as on a relay that has more of the same to do. Parsers that are not
installed are left out by name.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from email import policy
from email.parser import BytesParser
from importlib import import_module
from typing import Any

from bench.newsletter import message, newsletter
from ledger.message_id import MessageId
from ledger.tokens import KeyRing
from ledger.urls import TrackingUrls, UrlGrammar
from relay.rewriting.charsets import read_text
from relay.rewriting.html_spans import find_spans
from relay.rewriting.html_tokens import tokenize
from relay.rewriting.mime_spans import find_parts
from relay.rewriting.plan import Plan, Tracked
from relay.rewriting.rewrite import Prepared, prepare, render, rewrite

URLS = TrackingUrls(UrlGrammar("https://t.example.org"), KeyRing({1: b"k" * 32}), MessageId(b"\1" * 16))
BOTH = Plan(opens=True, html_links=True)
Work = Callable[[], Any]


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--rounds", type=int, default=15)
    arguments.add_argument("--in-a-row", type=int, default=1)
    parsed = arguments.parse_args()
    rounds, in_a_row = parsed.rounds, parsed.in_a_row
    sizes = (5_000, 50_000, 300_000)
    columns = [measure(html_candidates(newsletter(size)), rounds, in_a_row) for size in sizes]
    print("| HTML of a newsletter, quoted-printable | " + " | ".join(f"{size // 1000} kB ms" for size in sizes) + " |")
    print("|---|---|---|---|")
    for name in columns[0]:
        print(f"| {name} | " + " | ".join(f"{column[name]:.3f}" for column in columns) + " |")
    print()
    big = message(newsletter(50_000), attachment=bytes(range(256)) * 29_000)
    print(f"| message of {len(big) / 1e6:.1f} MB | ms |\n|---|---|")
    for name, took in measure(mime_candidates(big), max(3, rounds // 3), in_a_row).items():
        print(f"| {name} | {took:.2f} |")


def measure(candidates: dict[str, Work], rounds: int, in_a_row: int) -> dict[str, float]:
    """The best time of each in milliseconds."""
    best = dict.fromkeys(candidates, float("inf"))
    for _ in range(rounds):
        for name, work in candidates.items():
            for _ in range(in_a_row):
                started = time.perf_counter()
                work()
                best[name] = min(best[name], (time.perf_counter() - started) * 1000)
    return best


def html_candidates(html: bytes) -> dict[str, Work]:
    raw = message(html)
    text = read_text(html, "utf-8")
    assert text is not None
    prepared = prepare(raw, BOTH, URLS)
    assert isinstance(prepared, Prepared)
    assert isinstance(rewrite(raw, BOTH, URLS), Tracked)
    ours: dict[str, Work] = {
        "**mailglass: whole rewrite of the message**": lambda: rewrite(raw, BOTH, URLS),
        "mailglass: find the parts": lambda: find_parts(raw),
        "mailglass: scan the HTML": lambda: tokenize(html),
        "mailglass: scan, and take links with their texts": lambda: find_spans(text),
        "mailglass: one more copy (render)": lambda: render(prepared, URLS, 1),
    }
    return ours | other_parsers(html)


def other_parsers(html: bytes) -> dict[str, Work]:
    found: dict[str, Work] = {}
    words = html.decode("utf-8")
    bs4 = module("bs4")
    if bs4:
        found["BeautifulSoup (html.parser): find links"] = lambda: bs4.BeautifulSoup(words, "html.parser").find_all("a")
        found["BeautifulSoup (lxml): find links"] = lambda: bs4.BeautifulSoup(words, "lxml").find_all("a")
    lxml = module("lxml.html")
    if lxml:
        found["lxml: find links"] = lambda: lxml.fromstring(html).xpath("//a/@href")
    html5lib = module("html5lib")
    if html5lib:
        found["html5lib: parse"] = lambda: html5lib.parse(words)
    lexbor = module("selectolax.lexbor")
    if lexbor:
        found["selectolax (lexbor): find links"] = lambda: lexbor.LexborHTMLParser(words).css("a[href]")
    lolhtml = module("lolhtml")
    if lolhtml:
        found["python-lolhtml: rewrite links"] = lambda: lolhtml_rewrite(lolhtml, html)
    return found


class _PointsElsewhere:
    def element(self, element: Any) -> None:
        element.set_attribute("href", "https://t.example.org/c/x?u=" + element.get_attribute("href"))


def lolhtml_rewrite(lolhtml: Any, html: bytes) -> None:
    out: list[Any] = []
    rewriter = lolhtml.HTMLRewriter(out.append)
    rewriter.on("a[href]", _PointsElsewhere())
    rewriter.write(html)
    rewriter.end()


def mime_candidates(raw: bytes) -> dict[str, Work]:
    parser = BytesParser(policy=policy.compat32)
    return {
        "**mailglass: find the parts**": lambda: find_parts(raw),
        "mailglass: whole rewrite": lambda: rewrite(raw, BOTH, URLS),
        "email.parser: parse": lambda: parser.parsebytes(raw),
        "email.parser: parse and write again": lambda: parser.parsebytes(raw).as_bytes(),
    }


def module(name: str) -> Any:
    try:
        return import_module(name)
    except ImportError:
        return None


if __name__ == "__main__":
    main()
