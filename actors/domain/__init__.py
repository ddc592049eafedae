"""Values and rules of the build farm: no I/O, no clock, no logging."""
