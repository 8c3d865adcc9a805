"""The oracle: what a rule means, evaluated as naively as possible.

Backends that share a plan can agree and be wrong together. This evaluator shares nothing with them: it walks pySigma's
own condition tree over canonical events and counts in plain loops. Slow and obvious on purpose.

An event is a flat dict of canonical (or native, for control-plane rules) field names; `@timestamp` is epoch
milliseconds; a missing key and None are the same thing. `@logsource`, a LogSource, says where an event comes from;
without it, rules of every logsource look at the event.
"""

from tests.oracle.conditions import Event, matches
from tests.oracle.windows import Alert, Group, Look, hunt, look, tick_length

__all__ = ["Alert", "Event", "Group", "Look", "hunt", "look", "matches", "tick_length"]
