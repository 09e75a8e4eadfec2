"""The ledger's shape over time. ``HEAD`` is what this version of mailglass reads and writes."""

HEAD = "0007"
