"""Telemetry: events become log lines and metrics."""
