"""How near in time things must be for the rules on hits, in seconds; printed settings are in [hits]. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from config.settings import Hits


@dataclass(frozen=True, slots=True)
class Windows:
    """One number per rule that asks about time."""

    early_pixel: float = 2.0
    early_click: float = 10.0
    vendor_network: float = 120.0
    burst: float = 2.0
    office_browser: float = 5.0
    second_look: float = 120.0
    shadow: float = 15.0  # hint only
    cluster: float = 10.0  # hint only


def windows_from(hits: Hits) -> Windows:
    """The windows that the settings ask for."""
    return Windows(
        early_pixel=hits.early_pixel.total_seconds(),
        early_click=hits.early_click.total_seconds(),
        vendor_network=hits.vendor_network.total_seconds(),
        burst=hits.burst.total_seconds(),
        office_browser=hits.office_browser.total_seconds(),
        second_look=hits.second_look.total_seconds(),
    )
