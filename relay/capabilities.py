"""Which of the upstream's extensions the relay offers to its clients. Pure.

An extension is offered when the upstream has it and we can keep it: it only adds parameters to commands that we pass
on as they are, or commands we pass on. CHUNKING and BINARYMIME would bring messages past the DATA reader; mechanisms
with channel binding and EXTERNAL speak of a TLS connection that ends at us; XCLIENT and its kin would let a client
speak in our name. What we do not know is not offered.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache

from relay.replies import Reply

_PASSED_ON = frozenset(
    b"""8BITMIME SMTPUTF8 DSN ENHANCEDSTATUSCODES PIPELINING DELIVERBY MT-PRIORITY FUTURERELEASE REQUIRETLS
    NO-SOLICITING RRVS SUBMITTER CONPERM CONNEG LIMITS MTRK HELP VRFY EXPN""".split()
)
# A tracked message grows by its pixel and by about 150 octets a link; a 64 kB reserve is 400 links.
GROWTH = 64 * 1024
SIZE_DIGITS = 20  # RFC 1870 section 3; what is longer is no limit that anybody will reach
MOST_KNOWN = 64  # answers remembered: an upstream gives all sessions of a client the same
OWN_MECHANISMS = (b"PLAIN", b"LOGIN")


# Of these, those that a client makes no use of in MAIL and RCPT, or that the relay makes up for.
_WITHOUT_PARAMETERS = frozenset(b"ENHANCEDSTATUSCODES PIPELINING LIMITS HELP VRFY EXPN".split())


@dataclass(frozen=True, slots=True, eq=False)
class Capabilities:
    """What an upstream said to EHLO. ``words`` maps each keyword in capitals to its line as written."""

    hello: bytes = b""
    words: Mapping[bytes, bytes] = field(default_factory=dict)

    @property
    def pipelining(self) -> bool:
        return b"PIPELINING" in self.words

    @property
    def mechanisms(self) -> tuple[bytes, ...]:
        """The ways to log in that can be passed through, as written, each once."""
        _, _, names = self.words.get(b"AUTH", b"").replace(b"=", b" ").partition(b" ")
        known: dict[bytes, bytes] = {}
        for name in names.split():
            known.setdefault(name.upper(), name)
        return tuple(name for capitals, name in known.items() if not _is_bound_to_tls(capitals))

    def keeps(self, told: Capabilities) -> bool:
        """Whether a client that was told of those may go on using them here."""
        used = (_PASSED_ON - _WITHOUT_PARAMETERS) | {b"SIZE"}
        return used & told.words.keys() <= self.words.keys()

    @property
    def size(self) -> int | None:
        """The largest message, in octets; 0 for no limit; None when the upstream does not say."""
        if b"SIZE" not in self.words:
            return None
        value = self.words[b"SIZE"][4:].strip()
        return int(value) if value.isdigit() and len(value) <= SIZE_DIGITS else 0


def _is_bound_to_tls(mechanism: bytes) -> bool:
    return mechanism.endswith(b"-PLUS") or mechanism == b"EXTERNAL"


def capabilities_of(reply: Reply) -> Capabilities:
    """What the lines of an EHLO reply name. A reply to HELO gives no words."""
    return _capabilities(reply.raw)


@lru_cache(MOST_KNOWN)
def _capabilities(raw: bytes) -> Capabilities:
    first, *rest = (line[4:] for line in raw.removesuffix(b"\r\n").split(b"\r\n"))
    words: dict[bytes, bytes] = {}
    for line in rest:
        keyword = line.replace(b"=", b" ").partition(b" ")[0].upper()
        if keyword == b"AUTH" and keyword in words:  # some say it twice, as "AUTH" and in the old form "AUTH=", and
            line = words[keyword] + b" " + line[len(keyword) + 1 :]  # name other ways there
        words[keyword] = line
    return Capabilities(first, words)


@dataclass(frozen=True, slots=True, eq=False)
class Offer:
    """What the relay itself brings to its EHLO answer."""

    size_limit: int
    starttls: bool
    login: bool  # whether logging in may be offered on this connection
    own_mechanisms: tuple[bytes, ...] = ()  # for users of the relay's own; empty: the upstream's mechanisms


@lru_cache(MOST_KNOWN)
def mirrored(upstream: Capabilities, offer: Offer) -> Reply:
    """The answer to a client's EHLO."""
    lines = [upstream.hello, *_kept(upstream, offer)]
    raw = b"".join(b"250-" + line + b"\r\n" for line in lines[:-1]) + b"250 " + lines[-1] + b"\r\n"
    return Reply(250, raw)


def _kept(upstream: Capabilities, offer: Offer) -> Iterable[bytes]:
    for keyword, line in upstream.words.items():
        if keyword in _PASSED_ON:
            yield line
    if upstream.size is not None:  # or clients would declare a size to a server that takes no parameters
        yield b"SIZE %d" % offered_size(upstream.size, offer.size_limit)
    if offer.starttls:
        yield b"STARTTLS"
    mechanisms = offer.own_mechanisms or upstream.mechanisms
    if offer.login and mechanisms:
        yield b"AUTH " + b" ".join(mechanisms)


def offered_size(upstream: int, own: int) -> int:
    """The upstream's limit less what tracking may add (at most a twentieth of it), and never more than ours."""
    return own if not upstream else min(own, upstream - min(GROWTH, upstream // 20))
