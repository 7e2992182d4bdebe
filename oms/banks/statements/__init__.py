"""Bank and wallet statements: what each bank calls its columns, and how a row becomes a line of money. Pure.

``forms`` is data, ``reader`` reads a row, ``head`` what stands above the headings, ``balance`` checks the running
balance, ``payer`` finds who paid in the words of the bank. Files are opened by ``importing``.
"""
