"""Where the sessions of a cluster go: the head's own logic, by a clock of the test."""

from bridge.cluster.places import CLAIMS, LEASE, SILENT, WAITING, Places, Queued, Verdict, Wish

FITS = Verdict(fits=True)
FULL = "all GPUs are in use"


class Cluster:
    """Places for `most` sessions each, and what runs there."""

    def __init__(self, *nodes: str, most: int = 1, spares: int = 0) -> None:
        self.now = 1000.0
        self.places = Places(spares, lambda: self.now)
        self.keys: dict[str, set[str]] = {node: set() for node in nodes}
        self.kept: set[str] = set()
        self.verdicts: dict[str, Verdict] = {}
        self.most = most
        for node in nodes:
            self.places.found(node, node)
            self.places.serves(node, f"ws://{node}", "token")
        self.after(0)

    def after(self, seconds: float, silent: str = "") -> None:
        self.now += seconds
        for node, keys in self.keys.items():
            if node == silent:
                self.places.is_silent(node, "it does not answer")
            else:
                self.places.answers(node, keys, keys & self.kept, self.most)

    def ask(self, key: str, **more) -> str:
        """The node of a session, which runs there from now on, or its place in the queue."""
        wish = Wish(key, "echo", **more)
        found = self.places.mine(wish)
        if not found:
            names = [place.name for place in self.places.open(wish)]
            verdicts = {name: self.verdicts.get(name, FITS) for name in names}
            found = self.places.settle(wish, verdicts)
        if isinstance(found, Queued):
            return str(found)
        for keys in self.keys.values():
            keys.discard(key)
        self.keys[found.name].add(key)
        return found.name

    def end(self, key: str) -> None:
        for keys in self.keys.values():
            keys.discard(key)


def queued(place: int, of: int, why: str = FULL) -> str:
    return f"place {place} of {of} in the queue: {why}"


def test_sessions_spread_and_find_their_own_place_again():
    cluster = Cluster("a", "b", most=2)
    assert [cluster.ask(key) for key in "wxyz"] == ["a", "b", "a", "b"]
    cluster.after(1000)
    assert [cluster.ask(key) for key in "zyxw"] == ["b", "a", "b", "a"]
    assert cluster.places.full
    cluster.end("w")
    cluster.after(LEASE)
    assert not cluster.places.full


def test_the_queue_tells_each_its_place_and_serves_them_in_order():
    cluster = Cluster("a")
    assert cluster.ask("w") == "a"
    assert [cluster.ask(key) for key in "xyz"] == [queued(1, 1), queued(2, 2), queued(3, 3)]
    cluster.end("w")
    cluster.after(WAITING / 2)
    assert [cluster.ask(key) for key in "zy"] == [queued(3, 3), queued(2, 3)]
    cluster.after(WAITING / 2 + 1)
    assert [cluster.ask(key) for key in "zy"] == [queued(2, 2), queued(1, 2)]  # x asks no more
    cluster.after(LEASE - WAITING)
    assert cluster.ask("z") == queued(2, 2), "though the place is free: y was first"
    assert cluster.ask("y") == "a"
    assert cluster.ask("z") == queued(1, 1)


def test_a_place_is_taken_from_when_it_is_given():
    cluster = Cluster("a", "b")
    assert cluster.ask("x") == "a"
    cluster.end("x")  # its bridge has not come yet
    cluster.after(LEASE / 2)
    assert cluster.ask("y") == "b"
    assert cluster.ask("z") == queued(1, 1)
    cluster.after(LEASE)  # nor will it
    assert cluster.ask("z") == "a"
    cluster.after(1)
    cluster.end("z")  # it has come, and gone
    cluster.after(1)
    assert cluster.ask("w") == "a"


def test_what_fits_nowhere_says_why_and_keeps_nobody_waiting():
    cluster = Cluster("a", "b")
    cluster.verdicts = dict.fromkeys("ab", Verdict(fits=False, why="echo needs 80 GB"))
    assert cluster.ask("large") == queued(1, 1, "echo needs 80 GB")
    cluster.verdicts = {"a": Verdict(fits=True, lacks=True), "b": FITS}
    assert cluster.ask("small") == "b", "where its files are, though it came later"


def test_a_session_without_a_bridge_makes_room():
    cluster = Cluster("a")
    cluster.ask("x")
    cluster.after(LEASE)
    assert cluster.ask("y") == queued(1, 1)
    cluster.kept = {"x"}
    cluster.after(1)
    assert cluster.ask("y") == "a"


def test_spares_are_for_those_that_lose_their_place():
    cluster = Cluster("a", "b", spares=1)
    assert cluster.ask("x") == "a"
    cluster.after(1000)
    assert cluster.ask("new") == queued(1, 1)
    cluster.places.is_lost("a", "it does not answer")
    assert cluster.ask("x", lost="ws://a") == "b", "before the one that waits already"
    assert cluster.ask("new") == queued(1, 1)


def test_a_silent_place_is_lost_after_a_while_and_used_again_when_it_answers():
    cluster = Cluster("a")
    cluster.ask("x")
    cluster.after(SILENT - 1, silent="a")
    assert cluster.ask("x") == "a"
    cluster.after(2, silent="a")
    assert cluster.ask("x") == queued(1, 1, "no GPU of the cluster is ready")
    cluster.after(0)
    assert cluster.ask("x") == "a"


def test_a_bridge_that_cannot_reach_its_place_gets_another_though_the_head_can():
    cluster = Cluster("a", "b")
    assert cluster.ask("x") == "a"
    for _ in range(CLAIMS - 1):
        assert cluster.ask("x", lost="ws://a") == "a", "its line alone is lost"
    assert cluster.ask("x", lost="ws://a") == "b"
    assert cluster.ask("x") == "b"


def test_a_node_that_drains_gets_nobody_and_keeps_or_moves_those_it_has():
    cluster = Cluster("a", "b", most=2)
    assert cluster.ask("x") == "a"
    cluster.after(LEASE)
    cluster.places.drain("a", move=False)
    assert [cluster.ask(key) for key in "xyz"] == ["a", "b", "b"]
    cluster.end("z")
    cluster.after(LEASE)
    cluster.places.drain("a", move=True)
    assert cluster.ask("x", lost="ws://a") == "b"
    cluster.places.undrain("a")
    assert cluster.ask("z") == "a"


def test_a_session_that_replaces_another_takes_its_place():
    cluster = Cluster("a")
    assert cluster.ask("x") == "a"
    assert cluster.ask("next", ends=("x",)) == "a"
