"""What xhtml2pdf does over and over for papers of one kind is done once (docs/adr/0199).

``styles``: style sheets, and the styles of elements that stand in the same place, are kept from one paper to the next.
``cells``: a paragraph and a cell are laid out once for the width they have. A paper looks the same with and without.
"""
