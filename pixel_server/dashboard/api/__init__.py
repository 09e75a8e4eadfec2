"""The JSON API under /api/v1: the same questions as the pages, in the words of the contract."""
