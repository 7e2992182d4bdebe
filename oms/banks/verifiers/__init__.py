"""Slip verifiers: outside services that are asked whether a transfer really happened. One module per provider."""
