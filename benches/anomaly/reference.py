"""Scores tables with river's Half-Space Trees and scikit-learn's Isolation Forest; one JSON object a line.

Judges nothing: the areas and times go to the program that started it. Reads only the folder it is given.
"""

import json
import sys
import time
from pathlib import Path

import numpy as np
from river import anomaly, preprocessing
from sklearn.ensemble import IsolationForest
from sklearn.metrics import roc_auc_score


def half_space(rows: np.ndarray, depth: int) -> tuple[list[float], float]:
    """Scores then learns each row, as river's documentation does it; microseconds a row, scaling included."""
    scale = preprocessing.MinMaxScaler()
    model = anomaly.HalfSpaceTrees(n_trees=25, height=depth, window_size=250, seed=42)
    scores = []
    spent = 0.0
    for number, row in enumerate(rows.tolist()):
        features = dict(enumerate(row))
        begin = time.perf_counter()
        scale.learn_one(features)
        features = scale.transform_one(features)
        scores.append(model.score_one(features))
        model.learn_one(features)
        # The first row makes the trees, which is not counted.
        spent += time.perf_counter() - begin if number else 0.0
    return scores, spent * 1e6 / max(1, len(rows) - 1)


def forest(rows: np.ndarray, labels: np.ndarray) -> float:
    """The mean area of three seeds."""
    areas = []
    for seed in range(3):
        model = IsolationForest(random_state=seed).fit(rows)
        areas.append(float(roc_auc_score(labels, -model.score_samples(rows))))
    return sum(areas) / len(areas)


def shuffled(count: int) -> np.ndarray:
    """The order of SplitMix64's numbers for 0, 1, 2: the same as in the program that compares."""
    z = np.arange(1, count + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.argsort(z ^ (z >> np.uint64(31)), kind="stable")


def main() -> None:
    """Arguments: a folder of `.npz` files, and how many shuffled rows of each the streams are given."""
    folder, most = Path(sys.argv[1]), int(sys.argv[2])
    for path in sorted(folder.glob("*.npz")):
        table = np.load(path)
        order = shuffled(len(table["y"]))
        rows, labels = table["X"][order], table["y"][order]
        line = {"name": path.stem, "rows": min(most, len(rows)), "isolation_forest": forest(rows, labels)}
        for depth in (8, 15):
            scores, cost = half_space(rows[:most], depth)
            line[f"half_space_{depth}"] = float(roc_auc_score(labels[:most], scores))
            line[f"half_space_{depth}_us"] = cost
        print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main()
