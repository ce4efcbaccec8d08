"""Pure: the numbers of one instance and their immutable index."""
