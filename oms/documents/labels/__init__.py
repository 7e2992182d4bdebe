"""Parcel labels, drawn by hand: facts in, one PDF out.

``facts``: what stands on a label. ``papers``: the sizes. ``symbols``: Code 128 and QR. ``layout``: where everything
goes, or why it does not fit. ``sheet``: labels, cover sheet and foreign waybills in one file.
"""
