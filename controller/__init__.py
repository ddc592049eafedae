"""The composition root and all programs; imports everything and is imported by nothing."""
