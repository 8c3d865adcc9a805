"""This project as a plugin of pySigma: the same queries from `sigma convert`, and field renames for other backends.

pySigma finds plugins in its namespace packages, so the wheel holds `backends` and `pipelines` of this folder as
`sigma/backends/sigmagen` and `sigma/pipelines/sigmagen`.
"""
