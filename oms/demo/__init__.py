"""The demo shop: an invented Thai seller with 60 days behind it, made through the verbs, alike from one seed."""
