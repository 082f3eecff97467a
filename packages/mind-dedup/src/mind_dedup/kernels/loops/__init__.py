"""What numba compiles. Nothing here is imported where the machine code is there already."""
