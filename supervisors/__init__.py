"""Supervision in the manner of OTP, on trio: specs, processes, supervisors, the picture of a tree.

Knows no mailbox, no build and no database. Read in this order: `exits`, `spec`, `decide`,
`process`, `loop`, `supervisor`, `dynamic`, `root`, `snapshot`.
"""
