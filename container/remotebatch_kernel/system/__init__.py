"""What the kernel asks of the operating system: descriptors, forks, signals, process trees."""
