"""Lucene queries of Elasticsearch and Kibana: they find documents, but can't count them."""

from __future__ import annotations

from sigmagen.targets.target import Target

TARGET = Target(
    name="lucene",
    product="Elastic",
    language="Lucene",
    suffix="lucene",
    order=3,
    printer="sigmagen.targets.lucene.printer:LucenePrinter",
    siem="elastic",
    time_column="@timestamp",
    lacks_correlations="Lucene finds documents, but can't count them",
)
