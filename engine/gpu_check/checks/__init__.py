"""What the steps do. A step is a function of a `Ground` that yields `Figure`s."""
