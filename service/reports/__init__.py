"""Reports: what each instance picked by day, and how those calls went.

Calls are counted in the process and added once a minute to those of all replicas.
"""
