"""PubSub: tells every controller on the database that something is there to be looked at."""
