"""LINE SHOPPING (MyShop): one key a shop, orders listed without their items, stock moved by difference."""
