"""The HTTP/1.1 server: our own `serve()` on the sound parts of hypercorn, on h11 and trio.

The stock trio worker dies of one malformed request, sends no reason phrase and keeps connections
of vanished clients. Here a connection is one task, a request costs no task more, and whatever one
connection does ends that connection only. Read in this order: `limits`, `listen`, `answer`,
`target`, `wire`, `exchange`, `connection`, `roster`, `serve`, `endpoint`.
"""
