"""People who work here: their limits, and the rows they may see. Logins themselves belong to the panel."""
