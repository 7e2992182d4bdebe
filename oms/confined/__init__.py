"""A process of its own for what strangers send: bytes in, bytes out, in bounded time and memory (docs/adr/0070).

``parent``: start it, ask it, end it. ``child``: what such a process does when it starts and how it answers.
"""
