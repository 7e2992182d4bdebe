"""Files taken in: runs whose ledger closes, rows kept raw, quarantine, conflicts with staff, column maps."""
