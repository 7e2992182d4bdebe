"""People who buy: one person, many identities, several addresses."""
