"""What signals and columns are called where people read them, with their units."""

NAMES = {
    "loss": "training loss",
    "val/loss": "validation loss",
    "lr": "learning rate",
    "grad_norm": "gradient norm",
    "clipped": "share of steps clipped",
    "update_ratio": "change of the weights in a step (share)",
    "load_seconds": "waiting for the batch (s)",
    "step_seconds": "training on it (s)",
    "memory": "memory (bytes)",
    "quarantined": "samples set aside",
    "quarantined_share": "share of the samples set aside",
    "saved_seconds_ago": "age of the newest save (s)",
    "mirrored_seconds_ago": "age of the newest copy (s)",
    "save_failed": "saves that failed",
    "mirror_failed": "copies that failed",
    "top_share": "share of the class predicted most",
    "val/mean_recall": "mean recall of the classes",
    "easy_share": "share of easy targets",
    "easy_pull": "share of the pull by easy targets",
    "val/threshold": "best decision threshold",
    "val/f1_at_threshold": "F1 at the best threshold",
    "val/f1_at_half": "F1 from 0.5 on",
    "goal": "goal",
}
"""Signals and columns by their whole name."""

FAMILIES = {
    "loss/": "loss part {}",
    "grad_norm/": "gradient norm of {}",
    "dead/": "share of dead units in {}",
    "alike/": "share of units in {} that give the same",
    "reach/": "what {} keeps of the beginning",
    "share/": "share of predictions: class {}",
    "target_share/": "share of targets: class {}",
    "part_norm/": "gradient norm of loss part {}",
    "part_gain/": "what loss part {} explains of the targets",
    "part_cosine/": "cosine of {} with the other parts",
    "val/loss/": "validation loss part {}",
    "val/": "validation {}",
    "train/": "training {}",
}
"""Signals of which there is one for each part, by the beginning of their names."""


def named(signal: str) -> str:
    """Return what a signal is called; one that is not known is called by its own name."""
    if signal in NAMES:
        return NAMES[signal]
    families = sorted((start for start in FAMILIES if signal.startswith(start)), key=len)
    return FAMILIES[families[-1]].format(signal.removeprefix(families[-1])) if families else signal
