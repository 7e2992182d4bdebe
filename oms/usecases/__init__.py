"""Every verb the system can do, one module per area."""
