"""Between two steps the shell socket is read: our buttons' clicks are taken, all else goes to the kernel as it came."""

import threading
from types import SimpleNamespace

import pytest
import zmq
from jupyter_client.session import Session

from autofix_nb.widgets import clicks
from autofix_nb.widgets.clicks import Relay, ShellClicks

CLICK = {"method": "custom", "content": {"event": "click"}}


class Shell:
    """A shell socket with a front end at its other end, and a kernel that keeps what it is given."""

    def __init__(self, context: zmq.Context) -> None:
        self.kernel_end, self.client_end = context.socket(zmq.PAIR), context.socket(zmq.PAIR)
        self.kernel_end.bind("inproc://shell")
        self.client_end.connect("inproc://shell")
        self.session, self.client = Session(key=b"secret"), Session(key=b"secret")
        self.shell_stream = SimpleNamespace(socket=self.kernel_end)
        self.given = []

    def schedule_dispatch(self, dispatch, frames):
        _, parts = self.session.feed_identities(frames, copy=False)
        dispatch(self.session.deserialize(parts, copy=False))

    def dispatch_shell(self, message):
        self.given.append(message["content"])

    def send(self, kind, content, session=None):
        (session or self.client).send(self.client_end, kind, content)


@pytest.fixture
def shell():
    context = zmq.Context()
    made = Shell(context)
    yield made
    context.destroy(linger=0)


@pytest.fixture
def clicked():
    return []


@pytest.fixture
def ours(shell, clicked):
    return ShellClicks(shell, {"ours": Relay("ours", lambda: clicked.append("ours"))})


def test_ours_are_taken_and_all_else_is_passed_on_in_its_order(shell, ours, clicked):
    """A cell queued by Run all is not run in between, and not lost."""
    sent = [
        ("execute_request", {"code": "1"}),
        ("comm_msg", {"comm_id": "theirs", "data": CLICK}),
        ("comm_msg", {"comm_id": "ours", "data": CLICK}),
        ("execute_request", {"code": "2"}),
        ("comm_msg", {"comm_id": "ours", "data": CLICK}),
    ]
    for kind, content in sent:
        shell.send(kind, content)
    ours.look()

    assert ["ours", "ours"] == clicked
    assert [content for _, content in sent if content.get("comm_id") != "ours"] == shell.given


def test_what_is_not_signed_is_none_of_ours(shell, ours, clicked):
    """Whoever does not know the kernel's key clicks on nothing; the kernel says what is wrong."""
    shell.send("comm_msg", {"comm_id": "ours", "data": CLICK}, Session(key=b"another"))
    with pytest.raises(ValueError, match="Signature"):
        ours.look()

    assert [] == clicked


def test_the_socket_is_asked_four_times_a_second_at_most(shell, ours, clicked, monkeypatch):
    """A step costs a look at the clock."""
    now = [10.0]
    monkeypatch.setattr(clicks, "time", SimpleNamespace(monotonic=lambda: now[0]))
    ours.look()
    shell.send("comm_msg", {"comm_id": "ours", "data": CLICK})
    ours.look()
    assert [] == clicked

    now[0] += clicks.LOOK_SECONDS
    ours.look()

    assert ["ours"] == clicked


def test_another_thread_leaves_the_socket_alone(shell, ours, clicked):
    """It belongs to the main thread."""
    shell.send("comm_msg", {"comm_id": "ours", "data": CLICK})
    thread = threading.Thread(target=ours.look)
    thread.start()
    thread.join()

    assert [] == clicked
