"""The regular expressions of HTML's tokenizer (WHATWG HTML 13.2.5), on bytes whose ASCII is ASCII.

Every quantifier is possessive: a plain nested one takes seconds on thirty bytes. Nothing here knows what a tag means.
"""

from __future__ import annotations

import re

from relay.rewriting.possessive_groups import compiled

_SPACE = rb"[\t\n\f\r ]"
# After a tag's name up to its ">" (13.2.5.32-40): "=" may begin a name, a quote that never ends swallows the rest,
# and "/" counts as space except inside a value.
_ANY_TAIL = (
    rb"(?:[\t\n\f\r /]++"
    rb"|[^\t\n\f\r />][^\t\n\f\r />=]*+"
    rb"(?:" + _SPACE + rb"*+=" + _SPACE + rb"*+"
    rb"(?:\"[^\"]*+(?:\"|\Z)|'[^']*+(?:'|\Z)|[^\t\n\f\r >\"'][^\t\n\f\r >]*+|(?=>)))?+"
    rb")*+>"
)
# Most attributes are written ` name="value"`; passing them first halves the time and changes no result.
_TAIL = rb"(?:" + _SPACE + rb"[a-zA-Z-]++=\"[^\"]*+\")*+(?:>|" + _ANY_TAIL + rb")"
TAG = compiled(rb"<(/?+)([A-Za-z][^\t\n\f\r />]*+)" + _TAIL)
# A link's start tag as nearly everybody writes it, without any attribute that could mean something to us; and, where
# they are plain, its words and its end tag: one match in place of five.
_OTHERS = rb"(?:" + _SPACE + rb"++(?!href|data-|clicktr|disable-)[a-z-]++=\"[^\"]*+\")*+"
USUAL_LINK = compiled(
    rb"<a" + _OTHERS + _SPACE + rb"++href=\"([^\"]*+)\"" + _OTHERS + _SPACE + rb"*+/?+>(?:([^<&]*+)</a>)?+"
)
ATTRIBUTE = compiled(
    rb"[\t\n\f\r /]*+([^\t\n\f\r />][^\t\n\f\r />=]*+)"
    rb"(?:" + _SPACE + rb"*+=" + _SPACE + rb"*+(?:\"([^\"]*+)\"|'([^']*+)'|([^\t\n\f\r >\"'][^\t\n\f\r >]*+)|(?=>)))?+"
)
COMMENT = compiled(rb"<!--(?:-?+>|[^-]*+(?:-(?!-!?+>)[^-]*+)*+--!?+>)")
BOGUS = re.compile(rb"<[!?/][^>]*+>")

# What the scanner stops at. Everything else in a run of tags and text is dull and is passed in one match.
_NAMES = (
    rb"(?:[aA](?:[rR][eE][aA])?+|[bB][oO][dD][yY]|[hH][tT][mM][lL]|[sS](?:[vV][gG]|[cC][rR][iI][pP][tT]"
    rb"|[tT][yY][lL][eE])|[mM][aA][tT][hH]|[tT](?:[eE](?:[mM][pP][lL][aA][tT][eE]|[xX][tT][aA][rR][eE][aA])"
    rb"|[iI][tT][lL][eE])|[xX][mM][pP]|[iI][fF][rR][aA][mM][eE]|[nN][oO](?:[eE][mM][bB][eE][dD]"
    rb"|[fF][rR][aA][mM][eE][sS])|[pP][lL][aA][iI][nN][tT][eE][xX][tT])"
)
# Named first are the dullest, and of these their end tags, since looking for a name among those above takes longer.
_DULLEST = rb"(?:t[dr]|p|br|img|span|div|font|b|strong|table|tbody|center|h[1-6]|li|ul|i)"
DULL = compiled(
    rb"[^<]*+(?:<(?:/" + _DULLEST + rb">"
    rb"|/?+(?:" + _DULLEST + rb"(?=[ >])|(?!" + _NAMES + rb"[\t\n\f\r />])[A-Za-z][^\t\n\f\r />]*+)" + _TAIL
    + rb"|(?![A-Za-z/!?]))[^<]*+)*+"
)  # fmt: skip
# VML elements of Outlook carry links too: everything with a prefix is looked at there.
TEXT = compiled(rb"[^<]*+(?:<(?![A-Za-z/!?])[^<]*+)*+")

CONDITIONAL = re.compile(rb"<!--\[if[^\]>]*+\]>", re.IGNORECASE)
SCRIPT_MARK = re.compile(rb"<!--|-->|<(/?+)script(?=[\t\n\f\r />])", re.IGNORECASE)
RAW_END = {
    name: re.compile(rb"</" + name + rb"(?=[\t\n\f\r />])", re.IGNORECASE)
    for name in (b"style", b"xmp", b"iframe", b"noembed", b"noframes", b"title", b"textarea")
}
