"""Prints docs/classes.md from the rules, their words and the tables of signs: ``python -m pixel_server.classes_page``.

A test compares the page with what this prints.
"""

from __future__ import annotations

import sys

from ledger.records import HitClass
from pixel_server.public.classify import RULES
from pixel_server.public.signs.loading import load_signs
from pixel_server.public.signs.tables import Sign, Signs
from pixel_server.public.windows import Windows
from pixel_server.rule_words import RULE_WORDS, class_words

_COLUMN_WORDS = {
    "confirmed": "confirmed: somebody looked",
    "possible": "possible: perhaps somebody looked",
    "machine": "machine: nobody looked",
    "own": "own: shown apart",
}
_SIGN_WORDS = {
    Sign.SCANNER: "R09, mail filters and link checkers",
    Sign.GMAIL_PREFETCH: "R10, Gmail's fetching ahead",
    Sign.IMAGE_PROXY: "R12, image proxies",
    Sign.PREVIEW: "R06 and R13, previews",
    Sign.OFFICE: "R05, R06 and R17, Office programs",
    Sign.MAIL_CLIENT: "R19, mail programs",
    Sign.PROGRAM: "R20, programs",
}


def classes_page(signs: Signs, windows: Windows) -> str:
    """The whole page, in Markdown."""
    parts = [_OPENING, _classes(), _rules(), _LATER, _windows(windows), _signs(signs), _LISTS]
    return "\n".join(part.strip("\n") + "\n" for part in parts)


def _classes() -> str:
    rows = [f"| `{found}` | {class_words(found, 'en')} | {class_words(found, 'ja')} | {_COLUMN_WORDS[found.column]} |"
            for found in HitClass]  # fmt: skip
    return "\n".join(["| class | | 日本語 | counts as |", "|---|---|---|---|", *rows])


def _rules() -> str:
    order = [*(rule for rule, _ in RULES), "R22"]
    rows = [f"| {rule} | {RULE_WORDS[rule][0]} | {RULE_WORDS[rule][1]} |" for rule in order]
    return "\n".join(["## The rules, in their order", "", "| rule | it says | 日本語 |", "|---|---|---|", *rows])


def _windows(windows: Windows) -> str:
    rows = [
        ("early_pixel", "R21: a pixel sooner after delivery", windows.early_pixel),
        ("early_click", "R21: a click sooner after delivery", windows.early_click),
        ("vendor_network", "R15: a vendor's network counts so long after delivery", windows.vendor_network),
        ("burst", "R16: links asked for within it", windows.burst),
        ("office_browser", "R17: a browser follows within it", windows.office_browser),
        ("second_look", "how long hits are held for the second look", windows.second_look),
    ]
    lines = [f"| `{name}` | {words} | {seconds:g} s |" for name, words, seconds in rows]
    return "\n".join(["## Windows", "", "Settings of `[hits]`, with their defaults:", "",
                      "| setting | meaning | default |", "|---|---|---|", *lines])  # fmt: skip


def _signs(signs: Signs) -> str:
    lines = [f"## Signs\n\nLast compared with their sources on {signs.checked}. The files with the sources are in "
             "`pixel_server/public/signs/`.\n"]  # fmt: skip
    for sign, words in _SIGN_WORDS.items():
        tokens = ", ".join(f"`{word}`" for word in dict.fromkeys(token.word for token in signs.tokens[sign]))
        lines.append(f"- {words}: {tokens}")
    lines.append(f"- R15, autonomous systems: {', '.join(map(str, sorted(signs.vendor_asns)))}")
    return "\n".join(lines)


_OPENING = """
# Who made a hit

<!-- printed by python -m pixel_server.classes_page -->

Most requests for pixels and links come from machines. Every hit is kept with its class, how sure that is, and the
rule that said so; the first rule that matches decides. The class changes only what is counted: everybody gets the same
answer. A hit is shown as a person's only when nothing speaks for a machine, and even then it is only `probable`.
"""

_LATER = """
R02 and R03 are left out on purpose: they need hidden links as a trap, which spam filters dislike and which are
patented. On loopback addresses R16, R18 and R21 do not apply, so that trying things out on one machine shows a person.

## The second look

The first verdict is given at once. It is looked at again when further hits of the message arrive, and when its window
closes:

- **Burst** (R16): the third link of a message that one source asks for at once makes scanners of all three clicks. A
  source is an IPv4 address or an IPv6 /64. Of a message with two links it takes both; one link is never a burst.
- **Office** (R17): Word, Excel or Outlook look at a link before they give it to the browser. If the browser follows,
  its click is the person's and Office's was a preview; if none follows, the click by Office is the person's.
- **Told**: a hit that somebody called their own on the page has the rule `told`; no rule overrules it.
- **Hints** are kept and shown, and never decide: `shadow` (the same link again at once, from another network and
  another system), `cluster` (one source asks for the copies of three recipients of a domain at once).

Facts are kept apart from verdicts and contain neither address nor user agent, so that `mailglass reclassify` can apply
better rules to old hits. `mailglass classify --why` shows what a rule saw.

What no rule can see: a filter that waits for minutes and uses an ordinary browser. Nobody's numbers know.
"""

_LISTS = """
## Network lists of your own

`[hits] networks_file` names a text file, or a folder of them, with one network a line and what it is:

```
203.0.113.0/24   filter        # R14: nothing but mail filters sends from here
198.51.100.0/24  AS64500       # which autonomous system announces it, for R15
192.0.2.0/24     apple-relay   # R11: Apple's relay
```

Apple's own list, <https://mask-api.icloud.com/egress-ip-ranges.csv>, can be used as it is; without it, R11 says
`probable` for most of Apple's relay. Nothing is ever fetched by itself. Addresses are only worth something when they
are the real ones: behind a reverse proxy, set `[pixel_server] trusted_proxies`.
"""


if __name__ == "__main__":
    sys.stdout.write(classes_page(load_signs(), Windows()))
