"""Talking to one outside system over HTTP: bounded, with kept tokens, and left alone while it fails."""
