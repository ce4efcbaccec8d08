"""callerid: which of our numbers shall this callee see?"""
