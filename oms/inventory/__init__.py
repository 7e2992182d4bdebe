"""Where goods are: warehouses, stock levels, movements, reservations."""
