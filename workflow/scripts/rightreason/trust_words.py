"""What the verdicts on the maps themselves mean: messages the report can translate."""

from __future__ import annotations

from rightreason.marked_words import mark

VERDICTS = (mark("pass"), mark("fail"), mark("undecided"))

NO_VALUE = mark("No case has a value.")
FEW_CASES = mark("The cases do not decide it.")

SENTENCES = {
    ("batch", "difference"): (
        mark("A map is the same alone and in a batch."),
        mark(
            "A map depends on what else is in the batch: maps of this method are not those of "
            "their own case."
        ),
    ),
    ("completeness", "gap"): (
        mark("The attributions add up to the difference of the outputs."),
        mark(
            "The attributions do not add up to the difference of the outputs: parts of the map are "
            "an error of the quadrature. Raise `steps`."
        ),
    ),
    ("randomisation", "rank_correlation"): (
        mark("The map is lost when the network is drawn anew: it shows what was learnt."),
        mark(
            "The map survives a network whose upper half or more is drawn anew: it shows the image "
            "more than what was learnt from it."
        ),
    ),
    ("faithfulness", "gain_blur"): (
        mark("Blurring what the map names moves the output more than blurring elsewhere."),
        mark("Blurring what the map names moves the output less than blurring elsewhere."),
    ),
    ("faithfulness", "gain_mean"): (
        mark("Erasing what the map names moves the output more than erasing elsewhere."),
        mark("Erasing what the map names moves the output less than erasing elsewhere."),
    ),
    ("findings", "gain_blur"): (
        mark("Blurring what the map names moves the output more than blurring the findings."),
        mark(
            "Blurring the findings moves the output more than blurring what the map names: the "
            "model uses them more than the map says."
        ),
    ),
    ("findings", "gain_mean"): (
        mark("Erasing what the map names moves the output more than erasing the findings."),
        mark(
            "Erasing the findings moves the output more than erasing what the map names: the model "
            "uses them more than the map says."
        ),
    ),
    ("repeatability", "noise"): (
        mark("A little noise leaves the map as it is."),
        mark("A little noise makes another map: it shows more than the image and the model."),
    ),
    ("repeatability", "shift"): (
        mark("The map follows the image when that is shifted a little."),
        mark("The map does not follow the image when that is shifted a little."),
    ),
    ("repeatability", "seeds"): (
        mark("Several trainings of the model have much the same map."),
        mark(
            "Several trainings of the model have different maps: what one of them attends to is no "
            "property of the model."
        ),
    ),
    ("empty", "share"): (
        mark("Few maps of the class are empty or flat."),
        mark("Many maps of the class are empty or flat: what is said of the rest is of a choice."),
    ),
    ("empty", "not_finite"): (
        mark("No map holds NaN or infinity."),
        mark("Maps hold NaN or infinity: the network’s numbers overflowed."),
    ),
}
"""Of each test and measure what is said when it passes, and when it fails."""

NOTES = (NO_VALUE, FEW_CASES, *(text for pair in SENTENCES.values() for text in pair))
