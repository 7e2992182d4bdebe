"""The HTTP API's own records: keys, answers kept for repeats, subscriptions and what was sent to them."""
