"""Documents: their arithmetic, their words, their papers."""
