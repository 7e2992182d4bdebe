"""Read-only figures and the auditor."""
