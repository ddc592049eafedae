"""A build machine: speaks the worker protocol, and leaves the building to a `Builder`.

Today's only builder is a simulated one. Nothing here is imported by the controller, and nothing
but `api.client` is imported from it. Reading order: `settings.py`, `events.py`, `loop.py`,
`assignment.py`, `pulse.py`, `archive.py`, `workspace.py`, `builder.py`, `simulated.py`.
"""
