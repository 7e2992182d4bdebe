"""What is sold, and on which shops: products, SKUs, bundles, shops, channel SKU maps."""
