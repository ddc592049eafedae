"""One message to everybody who subscribed to its topic; nobody is waited for."""
