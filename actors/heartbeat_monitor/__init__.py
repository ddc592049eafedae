"""HeartbeatMonitor: takes builds back from workers that fell silent."""
