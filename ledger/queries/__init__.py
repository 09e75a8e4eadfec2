"""The questions of page, API and command line. Each function takes a read-only connection; the SQL stands beside it."""
