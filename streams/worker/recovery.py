"""How far a worker's recovery has come, for its watchdog."""

# So many rebalances in a row may pass in which nothing is read before the worker counts as standing still.
REBALANCES = 5


class Recovery:
    """Counts a recovery's steps: changelog records that were read, and the first rebalances in a row without any.

    A worker that ends while its group rebalances makes all others begin their recovery anew; on a machine that is too
    busy they would then end in turn, for ever.
    """

    def __init__(self) -> None:
        self._moved = self._read = self._rebalances = self._in_a_row = 0

    def steps(self, moved: int, read: int, rebalances: int) -> int:
        """Steps since the last call, at least 0.

        `moved` is what the worker counts in all, with the steps before; `read` the sum of the changelogs' offsets,
        which begins anew with a rebalance; `rebalances` how many there were since the start.
        """
        steps = max(0, read - self._read)
        if steps or moved != self._moved:
            self._in_a_row = 0
        if rebalances != self._rebalances:
            self._in_a_row += 1
            steps += self._in_a_row <= REBALANCES
        self._moved, self._read, self._rebalances = moved + steps, read, rebalances
        return steps
