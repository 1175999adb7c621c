"""`agent serve`: the agent over HTTP, for several users. Knows no command line and no terminal."""
