"""What each source calls its columns and states, as data; ``reader`` turns rows into orders by it.

To add a format: write a ``Format`` in a module here, add it to ``registry.FORMATS``, give it a sample in
``tests/samples``. See docs/import-formats.md.
"""
