"""Messages to customers: what there is to say, in which words, and the ways they go."""
