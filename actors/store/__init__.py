"""All SQL, and the only place that imports asyncpg: named statements and the module of each."""
