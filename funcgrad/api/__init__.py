"""The transformations, as users call them."""
