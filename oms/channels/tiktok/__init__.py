"""TikTok Shop, the interface of 202309: path, query and body signed, pages by token, one row for each piece."""
