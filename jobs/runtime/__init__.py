"""The engines a single host runs: PostgreSQL, Redis, the supervisor."""
