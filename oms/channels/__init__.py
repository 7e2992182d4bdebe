"""Marketplaces and chats behind one port."""
