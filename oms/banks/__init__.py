"""Statement formats, slip QR codes, slip verifiers."""
