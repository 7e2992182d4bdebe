"""Thai in PDF: letters with their marks in the right place, lines that turn between words, text that copies back.

``fonts``: the embedded fonts and how a text becomes glyphs. ``wrapping``: lines for papers drawn by hand.
``paragraphs``: the same for papers made from HTML. Why it is done this way: docs/adr/0110.
"""
