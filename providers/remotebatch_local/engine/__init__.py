"""Jobs and their tasks on this machine, and the journal that keeps them."""
