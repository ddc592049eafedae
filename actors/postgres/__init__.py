"""The embedded PostgreSQL: its binaries, its folder, and the server as a supervised child."""
