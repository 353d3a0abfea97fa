"""Sweep the two parameters of an SVM over handwritten digits: 48 settings, one array job.

Run it with ``make run``, or by itself: ``python docs/examples/digits_sweep.py``.
"""

from pathlib import Path

import matplotlib as mpl
import numpy as np
from rich.console import Console
from rich.table import Table
from sklearn.datasets import load_digits
from sklearn.model_selection import cross_val_score
from sklearn.svm import SVC

import remotebatch

GAMMAS = (1e-5, 3e-5, 1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2)
COSTS = (0.01, 0.1, 1.0, 10.0, 100.0, 1000.0)


def accuracy(gamma: float, cost: float) -> float:
    """Mean accuracy of one setting over three folds. This is what runs remotely."""
    images, labels = load_digits(return_X_y=True)
    return cross_val_score(SVC(gamma=gamma, C=cost), images, labels, cv=3).mean()


def show_best(settings: list[tuple[float, float]], accuracies: list[float], how_many: int = 8) -> None:
    """Print a table of the best settings."""
    table = Table(title="Best settings", title_justify="left")
    for heading in ("gamma", "C", "accuracy"):
        table.add_column(heading, justify="right")
    ranked = sorted(zip(accuracies, settings), key=lambda pair: -pair[0])
    for value, (gamma, cost) in ranked[:how_many]:
        table.add_row(f"{gamma:g}", f"{cost:g}", f"{value:.4f}")
    Console().print(table)


def draw(accuracies: np.ndarray, to: Path) -> None:
    """Draw the accuracies as a heat map: a row for each gamma, a column for each C."""
    mpl.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(7, 5.5), layout="constrained")
    image = axes.imshow(accuracies, origin="lower", aspect="auto", vmin=0, vmax=1)
    for (row, column), value in np.ndenumerate(accuracies):
        axes.text(column, row, f"{value:.2f}", ha="center", va="center", color="w" if value < 0.6 else "k")
    axes.set_xticks(range(len(COSTS)), [f"{cost:g}" for cost in COSTS])
    axes.set_yticks(range(len(GAMMAS)), [f"{gamma:g}" for gamma in GAMMAS])
    axes.set(xlabel="C", ylabel="gamma", title="SVM on the UCI digits: accuracy over three folds")
    figure.colorbar(image, label="accuracy")
    figure.savefig(to, dpi=120)


def main() -> None:
    """Submit the sweep, watch it, show what came of it."""
    settings = [(gamma, cost) for gamma in GAMMAS for cost in COSTS]
    env = remotebatch.SubmissionEnvironment("Local").options(name="digits sweep")
    job = env.map_submit(accuracy, *zip(*settings))
    accuracies = job.progress().results()
    show_best(settings, accuracies)
    picture = Path("digits_sweep.png").resolve()
    draw(np.reshape(accuracies, (len(GAMMAS), len(COSTS))), picture)
    print(f"Heat map: {picture}")


if __name__ == "__main__":
    main()
