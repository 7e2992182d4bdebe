"""Ruam: an order management system for sellers on many channels. The ten-minute tour:

- ``usecases``      every verb the system can do; read this first
- ``orders``        what was agreed: orders, lines, holds, amendments
- ``intake``        files taken in: runs, raw rows, quarantine, conflicts
- ``payments``      claims, allocations, payment status, the gate
- ``inventory``     warehouses, stock levels, movements, reservations
- ``shipping``      shipments and parcels
- ``returns``       goods coming back
- ``catalog``       products, SKUs, bundles, shops and their SKU maps
- ``customers``     people, their identities and addresses
- ``channels``      marketplaces and chats, ``carriers``, ``banks``, ``notifications``, ``documents``: the outside world
- ``importing``     tabular files in; ``exporting`` tabular files out; ``reports`` read-only figures
- ``demo``          the demo shop; ``diagrams`` draws ``docs/states.md``
- ``audit``         who did what; ``outbox`` side effects; ``numbering`` gapless series; ``permissions`` named actions
- ``db``            the one transaction; ``columns`` the column types
- ``api``           keys, kept answers and webhooks of the HTTP API
- ``net``           talking to one outside system: bounded calls, kept tokens, a breaker
- ``states``        the state machine; ``money``, ``clock``, ``actor``, ``errors``, ``settings``; ``thai``
- ``spreadsheets``  cells of files that go out
"""
