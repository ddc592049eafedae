"""What an actor is: typed messages, a bounded mailbox, a loop, a handle that survives restarts."""
