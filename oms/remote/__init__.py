"""The two-way link to remote warehouses: numbered packages of messages that survive days without a line."""
