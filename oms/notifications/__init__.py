"""What the customer hears."""
