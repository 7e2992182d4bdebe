"""Goods leaving a warehouse: shipments and parcels."""
