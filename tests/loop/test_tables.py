"""Tables for other programs: whole, and of every series, whatever its name is."""

import numpy as np

from autofix_nb.history import History
from autofix_nb.loop.tables import write_tables


def test_series_may_have_any_name(tmp_path):
    """Also those of arguments of NumPy's own functions, and parts of a loss with a slash in them."""
    names = ["file", "allow_pickle", "arr_0", "loss/part", "größe"]
    history = History()
    for place, name in enumerate(names):
        history.record(1, **{name: float(place)})

    write_tables(tmp_path, history)

    with np.load(tmp_path / "signals.npz", allow_pickle=False) as signals:
        assert names == signals.files
        assert [[[1.0], [float(place)]] for place in range(5)] == [signals[name].tolist() for name in names]
