"""The routes, a module an area: parse, ask, answer; no rule lives here."""
