"""Small real trainings, sick and healthy, by which the whole is judged. `scripts/gauntlet` runs them."""
