"""Recorder: what workers tell about running builds, gathered and written in batches."""
