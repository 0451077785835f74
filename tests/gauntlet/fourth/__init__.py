"""The fourth set: written after the rules by authors who knew neither the rules nor the other cases."""
