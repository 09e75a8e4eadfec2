"""The security headers of every reply of the dashboard, errors included. Pure."""

from __future__ import annotations

# Nothing is loaded from elsewhere, no script or style stands in a page, nobody may frame us, forms come back to us.
PAGE_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "font-src 'self'",
        "connect-src 'self'",
        "manifest-src 'self'",
        "frame-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)

SECURITY_HEADERS = {
    "Content-Security-Policy": PAGE_POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Cache-Control": "no-store",
}


def letter_policy(tracking_origin: str) -> str:
    """The policy of a delivered letter shown in the Outbox: what a mail program allows, and no more.

    Its pixel may come from the pixel server, so that looking at it is an open like any other; scripts, forms, frames
    and pictures from anywhere else may not. ``sandbox`` takes its origin away, so it is none of our pages; links open
    in a tab of their own, outside the sandbox.
    """
    return "; ".join(
        (
            "default-src 'none'",
            f"img-src {tracking_origin} data:",
            "style-src 'unsafe-inline'",
            "form-action 'none'",
            "base-uri 'none'",
            "frame-ancestors 'self'",
            "sandbox allow-popups allow-popups-to-escape-sandbox",
        )
    )
