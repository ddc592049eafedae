"""The page for people: what the farm is doing, without any script from elsewhere."""
