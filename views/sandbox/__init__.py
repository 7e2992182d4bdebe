"""Strict simulators of outside systems."""
