"""What is said of a loss that pulls where it cannot be meant to, and the line to type (`evidence.direction`)."""

SAYS = {
    "turned": "the loss is lower for wrong answers than for right ones: it falls while the model gets worse, wanted "
    "the other way round",
    "signs": "the loss does not care about the rows whose target is 0, as it wants -1 and 1 for no and yes: one answer "
    "for all rows is as good as the right ones",
    "class_numbers": "a class costs the more the farther its number is from the right one, as if numbers of classes "
    "were sizes: right only where the classes have an order",
    "unpaired": "the loss is the same whichever row gets which target, and one answer for all rows is as good as the "
    "right ones, so that nothing about single rows can be learnt",
    "several": "the loss is the cross-entropy of one class a row, and rows hold several yeses at once: these take from "
    "each other, and no score can say no by itself",
    "swapped": "the loss takes the outputs for the targets and these for the outputs: it is a known one with its two "
    "arguments the other way round",
    "to_rows": "only the first or last rows of a batch count in the loss: all others get a gradient of exactly 0, "
    "whatever is answered",
    "to_columns": "some columns of the outputs do not count in the loss, though their targets vary: they get a "
    "gradient of exactly 0, whatever is answered",
    "to_one_side": "only the rows with one of the targets 0 and 1 count in the loss: one answer for all is as good as "
    "the right ones",
    "squashed_classes": "the loss is the cross-entropy of a softmax of the outputs, and applies a softmax again: right "
    "answers cost much, too, and next to no gradient comes back from answers that are surely wrong",
    "squashed_yes_or_no": "the loss is that of scores and is given a sigmoid of the outputs, which it applies again: "
    "right answers cost much, too, and next to no gradient comes back from answers that are surely wrong",
}
"""What is said of each."""

LINES = {
    "turned": "return -value  # of the loss: what is to be as high as can be gets a minus",
    "signs": "targets = 2 * targets - 1",
    "class_numbers": "loss = nn.CrossEntropyLoss()",
    "unpaired": "return (outputs - targets).square().mean()  # the mean of the errors, not the error of the mean",
    "several": "loss = nn.BCEWithLogitsLoss()  # each answer is a yes or no of its own: outputs.sigmoid() > 0.5",
    "swapped": "return loss(outputs, targets)  # in this order",
    "to_rows": "return loss(outputs, targets)  # of all rows, not of `outputs[0]`",
    "to_columns": "return loss(outputs, targets)  # of all columns, not of `outputs[:, 0]`",
    "to_one_side": "loss = nn.BCEWithLogitsLoss()",
    "squashed_classes": "return functional.cross_entropy(outputs, targets)  # of the scores, without a softmax",
    "squashed_yes_or_no": "return functional.binary_cross_entropy_with_logits(outputs, targets)  # without a sigmoid",
}
"""What to type."""
