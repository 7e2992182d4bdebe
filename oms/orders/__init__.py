"""What was agreed: orders, lines, holds, notes, amendments."""
