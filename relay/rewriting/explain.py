"""Says in words what was done to a message, what was not, and why: at length for people, in short for the SMTP reply.

The words of the reasons stand in ``ledger.reason_words``; here are the sentences round them. Knows the result of a
rewriting and nothing of how it came about. Pure.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ledger.reason_words import OF_LINK, OF_MESSAGE, Meaning, Words, why_link, why_message
from ledger.records import LinkReason, LinkRecord, Reason
from relay.rewriting.notes import printable
from relay.rewriting.plan import Tracked, Unchanged, Wanted

# An SMTP reply line has 512 octets with code and line end (RFC 5321 section 4.5.3.1.5), and the
# upstream's own text comes first.
LONGEST_NOTE = 200
_LONGEST_TEXT = 60

_YES = Words("Tracked: {what}.", "追跡されます: {what}。")
_NO = Words("Not tracked: {what}.", "追跡されません: {what}。")
_OPENS = Words("opens (a pixel goes in)", "開封（ピクセルを入れます）")
_LINKS = Words("{tracked} of {all} links", "リンク {all} 件中 {tracked} 件")
_ONE_LINK = Words("tracked", "追跡")
_ONE_LINK_UNASKED = Words("not tracked: links were not asked for", "追跡しません: リンクは指定されていません")
_LINK_HEADING = Words("Links", "リンク")
_NOTE_HEADING = Words("Odd", "気になる点")
_NO_TEXT = Words("(no text)", "（文字なし）")
_JOIN = Words(", ", "、")
_IN_QUOTES = Words('"{text}"', "「{text}」")


def explanation(result: Tracked | Unchanged, language: str = "en", notes: Sequence[str] = ()) -> str:
    """Some lines on the message, one on each link, one on each note. ``notes`` are those of the request."""
    lines = [*_verdict(result, language), *_link_lines(result.link_list, language)]
    all_notes = tuple(dict.fromkeys((*notes, *result.notes)))
    if all_notes:
        lines += ["", f"{_NOTE_HEADING.in_language(language)}:", *(f"  {note}" for note in all_notes)]
    return "\n".join(lines)


def _verdict(result: Tracked | Unchanged, language: str) -> Iterator[str]:
    if result.reason:
        meaning = OF_MESSAGE[result.reason]
        yield _NO.in_language(language).format(what=meaning.short.in_language(language))
        yield f"  {meaning.why.in_language(language)}"
        return
    done = [_OPENS.in_language(language)] if isinstance(result, Tracked) and result.opens else []
    tracked = sum(link.tracked for link in result.link_list)
    if result.link_list:
        done.append(_LINKS.in_language(language).format(tracked=tracked, all=len(result.link_list)))
    yield _YES.in_language(language).format(what=_JOIN.in_language(language).join(done))


def _link_lines(links: Sequence[LinkRecord], language: str) -> Iterator[str]:
    if not links:
        return
    yield ""
    yield f"{_LINK_HEADING.in_language(language)}:"
    width = len(str(links[-1].number))
    for link in links:
        text = printable(link.text)[:_LONGEST_TEXT]
        shown = _IN_QUOTES.in_language(language).format(text=text) if text else _NO_TEXT.in_language(language)
        yield f"  {link.number:>{width}}  {shown}"
        yield f"  {'':{width}}  {printable(link.url)}"
        yield f"  {'':{width}}  → {_of_link(link, language)}"


def _of_link(link: LinkRecord, language: str) -> str:
    if link.reason:
        return why_link(link.reason, language)
    return (_ONE_LINK if link.tracked else _ONE_LINK_UNASKED).in_language(language)


def smtp_note(message_id: str, wanted: Wanted, result: Tracked | Unchanged) -> str:
    """What was done, for the end of the upstream's reply, without its brackets: ASCII, one line, at most
    ``LONGEST_NOTE`` letters. What was odd about the request follows in short."""
    if isinstance(result, Tracked) and result.reason is None:
        done = ["opens"] if result.opens else []
        tracked = sum(link.tracked for link in result.link_list)
        if wanted.html_links or wanted.text_links:
            done.append(f"{tracked} of {len(result.link_list)} links")
        note = f"mailglass {message_id}: {', '.join(done)}"
    else:
        note = f"mailglass: not tracked, {result.reason}"
    for odd in dict.fromkeys((*wanted.notes, *result.notes)):
        plain = odd.encode("ascii", "replace").decode("ascii")
        addition = "; " + "".join(letter if letter.isprintable() and letter not in "[]" else "?" for letter in plain)
        if len(note) + len(addition) > LONGEST_NOTE - len("; ..."):
            return f"{note}; ..."
        note += addition
    return note


def reasons_page() -> str:
    """docs/why-unchanged.md: every reason with its words."""
    return "\n".join(
        [
            "# Why a message or a link was left as it was",
            "",
            "Printed from the code (`python -m relay.rewriting.explain`). `mailglass explain FILE` says which of these",
            "apply to a message, and the reply to every opted-in submission names them in short.",
            "",
            "## Messages",
            "",
            *_table((str(reason), OF_MESSAGE[reason]) for reason in Reason),
            "",
            "## Links",
            "",
            "The first rule that applies gives the reason, in this order: " + ", ".join(f"`{r}`" for r in _ORDER) + ".",
            "",
            *_table((str(reason), OF_LINK[reason]) for reason in LinkReason),
            "",
        ]
    )


# As ``link_rules.judge`` asks; ``too-long`` shows only when the bytes are laid out.
_ORDER = (
    LinkReason.SCHEME,
    LinkReason.RELATIVE,
    LinkReason.INVALID,
    LinkReason.OWN,
    LinkReason.QUOTED,
    LinkReason.OPTED_OUT,
    LinkReason.EXCLUDED_DOMAIN,
    LinkReason.UNSUBSCRIBE,
    LinkReason.SECRET,
    LinkReason.TEXT_IS_URL,
    LinkReason.TOO_LONG,
)


def _table(rows: Iterator[tuple[str, Meaning]]) -> Iterator[str]:
    yield "| reason | means | why, and what can be done |"
    yield "|---|---|---|"
    for name, meaning in rows:
        yield f"| `{name}` | {meaning.short.english} / {meaning.short.japanese} | {meaning.why.english} |"


__all__ = ["explanation", "reasons_page", "smtp_note", "why_link", "why_message"]


if __name__ == "__main__":
    print(reasons_page(), end="")  # noqa: T201 - this is what it is for
