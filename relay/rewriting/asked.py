"""What one kind of header asks for, before it is weighed against the others.

An aspect is True, False or None, where None says nothing about it. ``stricter`` is the one rule for duplicates and
for several services' headers in one message: whoever says no is heard. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace


@dataclass(frozen=True, slots=True)
class Asked:
    """Aspects of tracking, and what is to be kept with the record."""

    opens: bool | None = None
    html_links: bool | None = None
    text_links: bool | None = None
    pixel_at_top: bool = False
    tags: tuple[str, ...] = ()
    meta: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def says_something(self) -> bool:
        return not (self.opens is None and self.html_links is None and self.text_links is None)

    def silence_means_no(self) -> Asked:
        """The same with every silent aspect off, if any aspect is spoken of."""
        if not self.says_something:
            return self
        return replace(self, opens=bool(self.opens), html_links=bool(self.html_links), text_links=bool(self.text_links))

    def joined_with(self, other: Asked) -> Asked:
        """Both together: of each aspect the stricter, of tags and the like all."""
        return Asked(
            stricter(self.opens, other.opens),
            stricter(self.html_links, other.html_links),
            stricter(self.text_links, other.text_links),
            self.pixel_at_top or other.pixel_at_top,
            self.tags + other.tags,
            {**other.meta, **self.meta},
            self.notes + other.notes,
        )


def stricter(first: bool | None, second: bool | None) -> bool | None:
    """No beats yes, and both beat silence."""
    if first is None or second is None:
        return second if first is None else first
    return first and second
