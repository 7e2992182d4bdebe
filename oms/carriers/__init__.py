"""Carriers behind one port."""
