"""Sick trainings on signals: pictures, masks, sequences, texts, autoencoders, and nets with several losses or heads."""

from tests.gauntlet.fourth.signals import heads, lost, memories, pictures, rebuilders, segments, sequences, texts

CASES = [
    *pictures.CASES,
    *segments.CASES,
    *rebuilders.CASES,
    *sequences.CASES,
    *texts.CASES,
    *heads.CASES,
    *memories.CASES,
    *lost.CASES,
]
