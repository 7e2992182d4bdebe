"""What is Thai about the business: baht text, dates, words, addresses, phones, tax ids."""
