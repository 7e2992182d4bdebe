"""Money received: claims, allocations, payment status, the gate."""
