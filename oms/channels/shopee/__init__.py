"""Shopee, Open Platform v2: signed requests, tokens for four hours, orders listed by time and told in fifties."""
