"""What reading a request's body may raise when it is not what its header says, or does not come: a fault of whoever
sent it, for page and public server alike, and no line in the log. aiohttp has no common name for these.
"""

from __future__ import annotations

import zlib

from aiohttp.http import HttpProcessingError
from aiohttp.web import RequestPayloadError

UNREADABLE = (
    ConnectionError,  # somebody who left on the way
    HttpProcessingError,  # too many headers of a part
    LookupError,  # a charset that is none
    RequestPayloadError,  # a compression or chunks that are none, or too few octets
    RuntimeError,  # an encoding of a part that is none
    TimeoutError,
    ValueError,  # a boundary that is missing or is none
    zlib.error,
)
