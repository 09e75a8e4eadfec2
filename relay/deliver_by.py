"""The time that a client gives for the delivery of its message (DELIVERBY, RFC 2852). Pure.

It runs while a copy waits: who sends it on says how much is left. With ``R`` the message comes back when nothing is
left, with ``N`` it goes on, and the number tells by how much it is late.
"""

from __future__ import annotations

import re
from datetime import timedelta

from relay.command_lines import BEFORE_PARAMETERS
from relay.replies import compose

_BY = re.compile(rb"[ \t]BY=([-+]?[0-9]{1,9});([NR]T?)(?=[ \t]|\Z)", re.IGNORECASE)
_FURTHEST = 999_999_999  # nine digits, RFC 2852 section 4

TOO_LATE = compose(554, "5.4.7", "The time given for the delivery of the message is over")
TOO_LATE_WORDS = "not sent: the time given for the delivery of the message is over"  # no server said so


def shortened(mail: bytes, waited: timedelta) -> bytes | None:
    """The MAIL line with so much less time, in whole seconds; the line itself where it says nothing of time. None:
    the message is to come back instead."""
    found, seconds = _found_in(mail), waited // timedelta(seconds=1)
    if found is None or seconds <= 0:
        return mail
    left = max(int(found[1]) - seconds, -_FURTHEST)
    if left <= 0 and _comes_back(found):
        return None
    return b"%s%d%s" % (mail[: found.start(1)], left, mail[found.end(1) :])


def comes_back_after(mail: bytes) -> timedelta | None:
    """How long the message may wait before it is to come back; None when it is not."""
    found = _found_in(mail)
    return timedelta(seconds=int(found[1])) if found is not None and _comes_back(found) else None


def _comes_back(found: re.Match[bytes]) -> bool:
    return found[2][:1] in b"Rr"


def _found_in(mail: bytes) -> re.Match[bytes] | None:
    before = BEFORE_PARAMETERS.match(mail)
    return _BY.search(mail, before.end()) if before is not None else None
