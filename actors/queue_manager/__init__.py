"""QueueManager: the single giver of work of this process."""
