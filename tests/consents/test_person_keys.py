"""Keys of people are for ever (docs/decisions/0063): what a ledger holds has to be found by every later mailglass."""

from __future__ import annotations

import pytest

from ledger.people import person_key

ANN = "8e1adf2b0068832332a287fdb4044bad"


@pytest.mark.parametrize(
    ("written", "begins"),
    [
        ("ann@example.com", ANN),
        (" <ANN@Example.COM.> ", ANN),
        ('"ann"@example.com', ANN),
        (r"a\nn@example.com", ANN),
        ("ann@\uff45xample\uff0ecom", ANN),
        ("Ann+News@example.com", "1b281476ce5b1f01d4463a457decc6f6"),
        ('"two words"@example.com', "f815b500bfd8ca76926bde1369f180ba"),
        ("jos\u00e9@b\u00fccher.example", "010d7db82f6c850dfab78bc15a22a498"),
        ("jose\u0301@xn--bcher-kva.example", "010d7db82f6c850dfab78bc15a22a498"),
        ("postmaster", "473313ed4a8a0d585d50f2b0865fd6b5"),
    ],
)
def test_an_address_has_the_key_it_has_always_had(written: str, begins: str) -> None:
    assert person_key(b"s" * 32, written).hex()[:32] == begins
