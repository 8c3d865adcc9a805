"""Query languages: one folder each, found by `registry`.

`target` and each folder's `__init__` only describe a language, and import none of the layers above. Printers import
`sigmagen.plan`, so they are loaded only when a query is printed.
"""
