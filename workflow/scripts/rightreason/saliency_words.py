"""Why a saliency map is empty: messages the report can translate."""

from __future__ import annotations

from rightreason.marked_words import mark

NO_POSITIVE_EVIDENCE = mark("no positive evidence")
"""The map holds values, none above zero."""
DEAD_LAYER = mark("dead layer")
"""The layer puts out nothing but zeros: there is nothing to weigh."""
SATURATED_OUTPUT = mark("saturated output")
"""The layer (or input) is active, but the gradient is zero everywhere: the output ignores it."""
NOT_FINITE = mark("NaN or infinite values")
"""The network's numbers overflowed; nothing can be scored."""

REASONS = (NO_POSITIVE_EVIDENCE, DEAD_LAYER, SATURATED_OUTPUT, NOT_FINITE)
