"""The pySigma plugin: backends for `sigma convert`, and pipelines that rename fields for other backends.

pySigma finds plugins in its namespace packages, so the wheel contains `backends` and `pipelines` of this folder as
`sigma/backends/sigmagen` and `sigma/pipelines/sigmagen`.
"""
