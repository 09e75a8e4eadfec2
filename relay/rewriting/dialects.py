"""The tracking headers of hosted mail services, with those services' exact names and values.

An application that spoke to such a service changes only host and port. Each dialect is a few names and a function
from their values to ``Asked``. Two things are the same for all, and stricter than some services are: an aspect that
a dialect's headers pass over in silence is off, and a value that the service does not define turns its aspect off.
Headers of a service that this program has no use for stay in the mail. Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from relay.rewriting.asked import Asked
from relay.rewriting.header_values import bare, boolean_of, items_of, words_of
from relay.rewriting.json_headers import at_path, flag_at, read_objects, strings_at, text_pairs
from relay.rewriting.notes import unknown_value

# Names in lower case, each with its values in order, decoded and unfolded. Everywhere else they stand as their services
# spell them, so that a note shows what people find in the documentation.
Values = Mapping[str, Sequence[str]]


@dataclass(frozen=True, slots=True)
class Dialect:
    """``names`` are whole header names, ``prefixes`` beginnings of names, all in lower case: these are removed."""

    names: frozenset[str]
    read: Callable[[Values], Asked]
    prefixes: tuple[str, ...] = ()

    def speaks(self, name: str) -> bool:
        return name in self.names or name.startswith(self.prefixes)


def _values_of(values: Values, name: str) -> Sequence[str]:
    """Of the header that the service spells so."""
    return values.get(name.lower(), ())


def _flag(values: Values, name: str, aspects: Callable[[bool], Asked]) -> Asked:
    """``aspects`` of each value of a boolean header, the stricter of several; an unknown word counts as no."""
    result = Asked()
    for text in _values_of(values, name):
        value = boolean_of(text)
        notes = () if value is not None else (unknown_value(name, text),)
        result = result.joined_with(replace(aspects(bool(value)), notes=notes))
    return result


def _choice(values: Values, name: str, choices: Mapping[str, Asked], otherwise: Asked) -> Asked:
    """What the words of a header stand for; a word that is none of the ``choices`` counts as ``otherwise``."""
    result = Asked()
    for text in _values_of(values, name):
        known = choices.get(bare(text).casefold())
        if known is None:
            known = replace(otherwise, notes=(unknown_value(name, text),))
        result = result.joined_with(known)
    return result


def _opens(value: bool) -> Asked:
    return Asked(opens=value)


def _html_links(value: bool) -> Asked:
    return Asked(html_links=value, text_links=False)


def _all_links(value: bool) -> Asked:
    return Asked(html_links=value, text_links=value)


_NO_LINKS = Asked(html_links=False, text_links=False)
_NOTHING = Asked(opens=False, html_links=False, text_links=False)


def _listed(values: Values, *names: str) -> tuple[str, ...]:
    return tuple(item for name in names for text in _values_of(values, name) for item in items_of(text))


def _single(values: Values, *names: str) -> tuple[str, ...]:
    return tuple(item for name in names for text in _values_of(values, name) if (item := bare(text)))


def _postmark(values: Values) -> Asked:
    choices = {
        "none": _NO_LINKS,
        "htmlonly": Asked(html_links=True, text_links=False),
        "textonly": Asked(html_links=False, text_links=True),
        "htmlandtext": Asked(html_links=True, text_links=True),
    }
    prefix = "x-pm-metadata-"
    meta = {name[len(prefix) :]: bare(texts[0]) for name, texts in values.items() if name.startswith(prefix) and texts}
    asked = _flag(values, "X-PM-TrackOpens", _opens).joined_with(_choice(values, "X-PM-TrackLinks", choices, _NO_LINKS))
    return replace(asked, tags=_single(values, "X-PM-Tag"), meta=meta)


def _mailgun(values: Values) -> Asked:
    yes, no, html = _all_links(True), _NO_LINKS, Asked(html_links=True, text_links=False)
    choices = {"yes": yes, "true": yes, "no": no, "false": no, "htmlonly": html, "html-only": html}
    clicks = _choice(values, "X-Mailgun-Track-Clicks", choices, no)
    opens = _flag(values, "X-Mailgun-Track-Opens", _opens)
    whole = _flag(values, "X-Mailgun-Track", lambda value: Asked(value, value, value))
    top = _flag(values, "X-Mailgun-Track-Pixel-Location-Top", lambda value: Asked(pixel_at_top=value))
    variables, notes = read_objects("X-Mailgun-Variables", values)
    # The two narrow headers win over the wide one, as they do there.
    asked = Asked(
        opens=whole.opens if opens.opens is None else opens.opens,
        html_links=whole.html_links if clicks.html_links is None else clicks.html_links,
        text_links=whole.text_links if clicks.text_links is None else clicks.text_links,
        pixel_at_top=top.pixel_at_top,
    )
    meta = {name: text for variable in variables for name, text in text_pairs(variable).items()}
    notes = whole.notes + opens.notes + clicks.notes + top.notes + notes
    return replace(asked, tags=_single(values, "X-Mailgun-Tag"), meta=meta, notes=notes)


def _mandrill(values: Values) -> Asked:
    result = Asked()
    for text in _values_of(values, "X-MC-Track"):
        result = result.joined_with(_mandrill_list(text))
    objects, notes = read_objects("X-MC-Metadata", values)
    meta = {name: text for found in objects for name, text in text_pairs(found).items()}
    return replace(result, tags=_listed(values, "X-MC-Tags"), meta=meta, notes=result.notes + notes)


def _mandrill_list(text: str) -> Asked:
    # An allow-list: what is not named is off. People write "none" to name nothing.
    words = set(words_of(text))
    notes = tuple(
        unknown_value("X-MC-Track", word)
        for word in sorted(words - {"opens", "clicks", "clicks_all", "clicks_htmlonly", "clicks_textonly", "none"})
    )
    everywhere = bool(words & {"clicks", "clicks_all"})
    # Of several click words the narrower counts.
    narrow = words & {"clicks_htmlonly", "clicks_textonly"}
    in_html = narrow == {"clicks_htmlonly"} or (everywhere and not narrow)
    in_text = narrow == {"clicks_textonly"} or (everywhere and not narrow)
    return Asked("opens" in words, in_html, in_text, notes=notes)


def _sendgrid(values: Values) -> Asked:
    objects, notes = read_objects("X-SMTPAPI", values)
    result = Asked(notes=notes) if not notes else replace(_NOTHING, notes=notes)
    for found in objects:
        if "filters" in found:
            clicks = at_path(found, "filters", "clicktrack", "settings")
            opens = at_path(found, "filters", "opentrack", "settings")
            in_html, html_note = flag_at(clicks, "enable", "X-SMTPAPI")
            in_text, text_note = flag_at(clicks, "enable_text", "X-SMTPAPI")
            seen, open_note = flag_at(opens, "enable", "X-SMTPAPI")
            result = result.joined_with(
                Asked(bool(seen), bool(in_html), bool(in_html and in_text), notes=html_note + text_note + open_note)
            )
        unsupported = sorted({"to", "sub", "section"} & found.keys())
        odd = tuple(f"X-SMTPAPI: {name} is not supported" for name in unsupported)
        kept = Asked(tags=strings_at(found, "category"), meta=text_pairs(found.get("unique_args")), notes=odd)
        result = result.joined_with(kept)
    return result


def _sparkpost(values: Values) -> Asked:
    objects, notes = read_objects("X-MSYS-API", values)
    result = Asked(notes=notes) if not notes else replace(_NOTHING, notes=notes)
    for found in objects:
        if "options" in found:
            options = at_path(found, "options")
            seen, open_note = flag_at(options, "open_tracking", "X-MSYS-API")
            clicks, click_note = flag_at(options, "click_tracking", "X-MSYS-API")
            if seen is not None or clicks is not None or open_note or click_note:
                asked = Asked(bool(seen), bool(clicks), False, notes=open_note + click_note)
                result = result.joined_with(asked)
        campaign = dict(zip(["campaign_id"], strings_at(found, "campaign_id"), strict=False))
        kept = Asked(tags=strings_at(found, "tags"), meta={**campaign, **text_pairs(found.get("metadata"))})
        result = result.joined_with(kept)
    return result


def _mailjet(values: Values) -> Asked:
    asked = _flag(values, "X-Mailjet-TrackOpen", _opens).joined_with(_flag(values, "X-Mailjet-TrackClick", _html_links))
    meta = {
        key: bare(texts[0])
        for key, name in (("customid", "X-MJ-CustomID"), ("eventpayload", "X-MJ-EventPayload"))
        if (texts := _values_of(values, name))
    }
    return replace(asked, tags=_single(values, "X-Mailjet-Campaign"), meta=meta)


def _smtpeter(values: Values) -> Asked:
    asked = _flag(values, "x-smtpeter-trackopens", _opens).joined_with(
        _flag(values, "x-smtpeter-trackclicks", _html_links)
    )
    return replace(asked, tags=_listed(values, "x-smtpeter-tags"))


def _emailengine(values: Values) -> Asked:
    return _flag(values, "X-EE-Tracking-Enabled", lambda value: Asked(value, value, False))


def _ahasend(values: Values) -> Asked:
    asked = _flag(values, "ahasend-track-opens", _opens).joined_with(_flag(values, "ahasend-track-clicks", _html_links))
    return replace(asked, tags=_listed(values, "ahasend-tags", "ahasend-tag"))


def _leadpush(values: Values) -> Asked:
    choices = {
        "all": Asked(True, True, False),
        "opens": Asked(True, False, False),
        "clicks": Asked(False, True, False),
        "none": _NOTHING,
    }
    # There, a value that is not known means all. Here it means nothing, like every value that is not known.
    asked = _choice(values, "X-Leadpush-Tracking", choices, _NOTHING)
    return replace(asked, tags=_listed(values, "X-Leadpush-Tag"))


def _named(read: Callable[[Values], Asked], names: str, *prefixes: str) -> Dialect:
    return Dialect(frozenset(names.lower().split()), read, tuple(prefix.lower() for prefix in prefixes))


DIALECTS: Mapping[str, Dialect] = {
    "postmark": _named(_postmark, "X-PM-TrackOpens X-PM-TrackLinks X-PM-Tag", "X-PM-Metadata-"),
    "mailgun": _named(
        _mailgun,
        "X-Mailgun-Track X-Mailgun-Track-Opens X-Mailgun-Track-Clicks X-Mailgun-Track-Pixel-Location-Top"
        " X-Mailgun-Tag X-Mailgun-Variables",
    ),
    "mandrill": _named(_mandrill, "X-MC-Track X-MC-Tags X-MC-Metadata"),
    "sendgrid": _named(_sendgrid, "X-SMTPAPI"),
    "sparkpost": _named(_sparkpost, "X-MSYS-API"),
    "mailjet": _named(
        _mailjet, "X-Mailjet-TrackOpen X-Mailjet-TrackClick X-MJ-CustomID X-MJ-EventPayload X-Mailjet-Campaign"
    ),
    "smtpeter": _named(
        _smtpeter, "x-smtpeter-trackopens x-smtpeter-trackclicks x-smtpeter-tags x-smtpeter-preventscam"
    ),
    "emailengine": _named(_emailengine, "X-EE-Tracking-Enabled"),
    "ahasend": _named(_ahasend, "ahasend-track-opens ahasend-track-clicks ahasend-tags ahasend-tag"),
    "leadpush": _named(_leadpush, "X-Leadpush-Tracking X-Leadpush-Tag"),
}
