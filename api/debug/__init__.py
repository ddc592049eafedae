"""The window for operators: the living tree, its processes, what happens in it, and the hammer."""
