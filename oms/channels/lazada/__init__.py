"""Lazada Open Platform (Thailand): every parameter signed, orders listed by time, one row for each piece."""
