"""Packing a call: the function, its inputs, and the kernel that evaluates them."""
