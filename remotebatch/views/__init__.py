"""How jobs look in a shell, a terminal and a notebook."""
