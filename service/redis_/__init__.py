"""Reach Redis: at one address, behind Sentinels, or in a cluster.

`url` reads what the configuration says, `client` opens connections by it. Where there are several
servers, `topology` searches for them beside the picks, which take what is known and never wait for
a search: `sentinels` knows one kind, `cluster` the other. `access` lists the commands in use.
"""
