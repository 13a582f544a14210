"""fps, the plain search."""

import numpy as np


def fps(
    src: np.ndarray, ratio: float, batch: np.ndarray | None, start: np.ndarray | None
) -> tuple[np.ndarray, ...]:
    batch = np.zeros(len(src), np.int64) if batch is None else batch
    taken: list[int] = []
    for graph in np.unique(batch):
        members = np.flatnonzero(batch == graph)
        count = min(int(np.ceil(np.float32(ratio) * np.float32(len(members)))), len(members))
        taken.append(int(members[0 if start is None else start[graph]]))
        nearest = np.full(len(members), np.inf)
        for _ in range(count - 1):
            with np.errstate(over="ignore"):
                squares = (src[members] - src[taken[-1]]) ** 2
            nearest = np.minimum(nearest, np.add.accumulate(squares, axis=1)[:, -1] if src.shape[1] else 0)
            taken.append(int(members[nearest.argmax()]))
    return (np.array(taken, np.int64),)
