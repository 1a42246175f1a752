"""What the Self Test needs of the double: a clock of frames, `run`, and a Spout of its own."""

from types import SimpleNamespace

from tests.td.double import Td, everything


class Playing(Td):
    """Plays frame by frame, without waiting. `spout` makes the picture that comes back of the one
    that is sent: both are functions of (u, v); None is no sender.
    """

    def __init__(self, folder, **more):
        super().__init__(folder, **more)
        self.absTime.frame = 0
        self.app.osName = "Double"
        self.sysinfo = SimpleNamespace(numCPUs=2, ram=8.0, GPUName="none", numMonitors=1)
        self.licenses = SimpleNamespace(type="none", isPro=False, isNonCommercial=True)
        self.spout, self.delay, self._sent = None, 2, []

    def run(self, script, *args, delayFrames=0, delayRef=None, fromOP=None):
        super().run(script, *args, delayFrames=max(0, delayFrames - 1), fromOP=fromOP)

    def frame(self):
        self.absTime.frame += 1
        super().frame()
        for op in everything(self.root):
            op.totalCooks += 1
            if op.name == "spout_out":  # which the bridge has as its input
                self._sent.append([op.sample(u=u, v=v) for u, v in CORNERS])
                del self._sent[: -self.delay - 1]

    def shown(self, u, v):
        """What the Spout In TOP has: what was sent some frames ago, as the bridge made it."""
        if self.spout is None or len(self._sent) <= self.delay:
            return (0.0, 0.0, 0.0, 1.0)
        sent = self._sent[-self.delay - 1]
        return self.spout(lambda u, v: sent[(u > 0.5) + 2 * (v > 0.5)], u, v)


CORNERS = ((0.25, 0.25), (0.75, 0.25), (0.25, 0.75), (0.75, 0.75))
