"""Work beside an actor: started under a supervisor, awaited or forgotten, linked or not."""
