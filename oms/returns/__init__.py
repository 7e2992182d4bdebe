"""Goods coming back, parcels nobody expected, claims against carriers."""
