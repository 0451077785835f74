"""A fourth set of sick trainings, written after the rules and by authors who had not met them."""
