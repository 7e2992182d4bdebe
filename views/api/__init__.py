"""The HTTP API, version 1: ``guard`` lets in and keeps answers, ``table`` lists every endpoint, ``document`` describes
them. Endpoints read, or call the verb a button would call; see docs/api.md."""
