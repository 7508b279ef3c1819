"""PAC files: what a script says of a URL, and what that means. The only room with a JavaScript engine.

Knows no sockets: what a script wants to resolve is asked for by its caller.
"""
