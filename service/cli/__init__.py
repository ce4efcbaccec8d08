"""The command line: its words, and the commands that are more than the service itself."""
