"""Reach Redis: at one address, behind Sentinels, or in a cluster.

`url` reads what the configuration says, `connections` opens them by it, `client` sends each command
where its key is and turns failures into ours. Where there are several servers, `topology` searches
for them beside the picks, which take what is known and never wait for a search: `sentinels` knows
one kind, `cluster` the other. `access` lists the commands in use.
"""
