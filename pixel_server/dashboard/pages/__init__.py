"""The pages: each module asks the ledger, makes a value and hands it to a template."""
