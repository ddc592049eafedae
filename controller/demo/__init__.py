"""A farm at work: submitters, simulated workers and a checker around one controller.

Reading order: `settings.py`, `ledger.py` (what is counted, pure), `figures.py`, `farm.py`,
`sabotage.py`, `sample.py`, `own_controller.py`, `board.py`, `program.py`.
"""
