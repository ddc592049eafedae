"""Measurements: side by side in one run, told as ratios, because machines differ and drift."""
