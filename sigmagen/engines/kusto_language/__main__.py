"""`python -m sigmagen.engines.kusto_language`: fetch Microsoft's KQL parser."""

from sigmagen.engines.kusto_language.bundle import main

raise SystemExit(main())
