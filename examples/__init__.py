"""Examples: run them from the root of the checkout."""
