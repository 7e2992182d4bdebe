"""A chat message read as an order: who, where to, what, how it is paid. What is not said stays empty."""

from oms.thai.chat.facts import ChatItem, ChatMessage, ChatOrder, Invoice, Kind, Sure
from oms.thai.chat.reader import read_chat, read_message

__all__ = ["ChatItem", "ChatMessage", "ChatOrder", "Invoice", "Kind", "Sure", "read_chat", "read_message"]
