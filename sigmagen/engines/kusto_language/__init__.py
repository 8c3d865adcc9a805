"""KQL checked by Microsoft's own parser: `@kusto/language-service-next` (MIT), in an embedded V8.

The parser is not part of this package: `make kusto-language` fetches the pinned version (see `bundle`).
"""

from sigmagen.engines.kusto_language.language import Diagnostic, Function, KustoLanguage, Tables

__all__ = ["Diagnostic", "Function", "KustoLanguage", "Tables"]
