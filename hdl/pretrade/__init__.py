"""The gate that every order passes before it leaves: limits, and the reason of each decision."""
