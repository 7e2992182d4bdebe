"""Goods coming back."""
