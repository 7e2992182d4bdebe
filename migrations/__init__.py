"""The schema's history (Alembic), the database role the program works as, and the commands around them."""
