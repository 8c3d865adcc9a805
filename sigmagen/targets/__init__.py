"""Query languages: one folder each, found by `registry`.

`target` and the folders' own `__init__` modules only describe a language and import nothing above the ground;
printers come after plans, and are loaded when a query is printed.
"""
