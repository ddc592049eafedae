"""Watchdog: says which code held the event loop, and tells the service manager that we live."""
