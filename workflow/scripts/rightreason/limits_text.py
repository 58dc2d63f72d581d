"""What saliency and annotations cannot show, whatever the numbers."""

from rightreason.words import mark

LIMITS = [
    mark(
        "A saliency map is not a cause. It shows where a network’s output is sensitive, by one "
        "method’s definition; other methods, layers and thresholds show other places, as the "
        "tables above let you see."
    ),
    mark(
        "Annotations mark what is visible to the raters. A model may use a true sign that nobody "
        "marked; and raters differ among themselves."
    ),
    mark(
        "Low overlap alone condemns no model, and high overlap acquits none. Small findings make "
        "high irrelevant ratios likely: read every ratio beside its chance value."
    ),
    mark(
        "A coarse map (a few cells per slice) cannot follow a fine finding; part of its irrelevant "
        "ratio is its blur."
    ),
    mark(
        "The numbers hold for these cases, scanners and raters. An interval covers the sampling of "
        "patients, not a different hospital, rater or training run."
    ),
]
