"""What is predicted in chapter 12, the beliefs that lead elsewhere, and what to say to them."""

from __future__ import annotations

import torch
from torch.nn.functional import cross_entropy

from coursekit.exercise import Quiz
from coursekit.reference.generalization import cutout, early_stopping, mixup

DOUBLE = torch.float64
WATCHED = [0.9, 0.6, 0.5, 0.55, 0.52, 0.51, 0.4, 0.3]
LOSSES = ", ".join(map(str, WATCHED))


def _learned_by_heart() -> str:
    """The letter: 20 rows with 60 random features and labels drawn at random, fitted exactly; then 2,000 new ones."""
    generator = torch.Generator().manual_seed(0)
    x, new = (torch.randn(n, 60, generator=generator, dtype=DOUBLE) for n in (20, 2000))
    y, other = (torch.randint(2, (n,), generator=generator).mul(2).sub(1).to(x) for n in (20, 2000))
    w = torch.linalg.pinv(x) @ y
    known, guessed = ((x @ w).sign() == y).double().mean(), ((new @ w).sign() == other).double().mean()
    return {(True, False): "c", (False, False): "a", (True, True): "b"}[bool(known == 1), bool(guessed > 0.6)]


def _smallest_loss(lam: float) -> float:
    """The cross-entropy of a prediction that is exactly the mixed target."""
    x, y = torch.zeros(2, 1, dtype=DOUBLE), torch.eye(2, dtype=DOUBLE)
    _, target = mixup(x, y, lam, torch.tensor([1, 0]))
    return float(cross_entropy(target[:1].log(), target[:1]))


def _behind_the_square(pixel: float, mean: float, std: float) -> float:
    """What a pixel is in its own units after a square was cut out of the standardised image."""
    blank = cutout(torch.full((1, 1), (pixel - mean) / std, dtype=DOUBLE), 0, 0, 1)
    return float(blank * std + mean)


QUIZZES = (
    Quiz(
        "which_weights_to_keep",
        f"The validation losses of epochs 0, 1, 2 and so on are {LOSSES}. Early stopping has a patience of 3. Which "
        "epoch's weights does one keep?",
        lambda: float(early_stopping(WATCHED, patience=3)[1]),
        "Epoch 2: none of the three epochs after it was below 0.5, so the run ends at epoch 5. That it would have gone "
        "on to fall nobody learns: that is the price of a short patience.",
        beliefs=(
            (
                5.0,
                "that is where it stops. Its weights are those after all the waiting; the best were 3 epochs before.",
            ),
            (3.0, "counted from 1: the first loss is that of epoch 0."),
            (6.0, "the first one below 0.5 again, but the run ends at epoch 5: epoch 6 is never run."),
            (7.0, "the lowest of the list, but the run ends at epoch 5: epoch 7 is never run."),
        ),
    ),
    Quiz(
        "one_epoch_of_patience_more",
        f"The same losses, {LOSSES}, and a patience of 4. Which epoch's weights does one keep now?",
        lambda: float(early_stopping(WATCHED, patience=4)[1]),
        "Epoch 7: at epoch 6, when the patience would run out, comes a better loss, and the count begins anew. "
        "One epoch of patience has made a loss of 0.3 out of one of 0.5.",
        beliefs=(
            (
                2.0,
                "with patience 4 the run goes on to epoch 6 at least, and that one is better: the count starts anew.",
            ),
            (6.0, "it is better, so the patience begins anew there; the next epoch is better still."),
            (8.0, "counted from 1: the first loss is that of epoch 0."),
        ),
    ),
    Quiz(
        "labels_drawn_at_random",
        "Every training image is given a label drawn at random. A network with many more weights than images is "
        "trained on them for long. What comes of it?",
        _learned_by_heart,
        "It learns them by heart, every one, and on new images it is as good as guessing. So a training loss of zero "
        "says nothing of what was learned: only data that were kept back do.",
        choices={
            "a": "neither the training nor the validation accuracy rises above guessing",
            "b": "both rise: it finds what the images of one label have in common",
            "c": "the training accuracy goes to 100%, the validation accuracy stays at guessing",
            "d": "the training loss grows without bound",
        },
        beliefs=(
            ("a", "there is nothing general to learn, and still each single image can be told from the others."),
            ("b", "images of one random label have nothing in common that other images lack."),
            ("d", "the gradient leads down here as anywhere: with enough weights the loss goes to zero."),
        ),
    ),
    Quiz(
        "change_that_keeps_the_label",
        "More training images of handwritten digits are made out of those there are; each keeps its label. Which "
        "change does harm?",
        lambda: "b",
        "Mirrored: a mirrored 3, 6 or 7 is no digit that anybody writes, and training on such images makes the "
        "network worse on real ones. For photographs of cats the same change is a good one. What may be changed is "
        "knowledge about the data, which the network does not have.",
        choices={
            "a": "moved by one pixel",
            "b": "mirrored, left for right",
            "c": "turned by five degrees",
            "d": "made a little thicker",
        },
        beliefs=(
            ("a", "a digit is the same digit one pixel further: no harm in that."),
            ("c", "people write at a slant: five degrees is what new digits will have as well."),
            ("d", "pens differ: new digits will be thicker or thinner as well."),
        ),
    ),
    Quiz(
        "smallest_loss_of_mixed_targets",
        "Two images of different classes are mixed with lam = 0.75. How small can the cross-entropy of one mixed image "
        "become, in nats?",
        lambda: _smallest_loss(0.75),
        "0.562: the best prediction is 0.75 and 0.25, and costs -0.75 ln 0.75 - 0.25 ln 0.25, the entropy of the "
        "target. A training loss with mixup stays above zero, and is not to be compared with one without it.",
        beliefs=(
            (0.0, "a target of 0.75 and 0.25 is uncertain in itself: even the best prediction pays for that."),
            (0.288, "-ln 0.75, the cost of the larger share alone: the other class has a share in the target, too."),
            (0.693, "ln 2, for shares of one half each."),
            (0.811, "in bits: with the logarithm to base 2. In nats it is ln(2) times that."),
        ),
    ),
    Quiz(
        "behind_the_square",
        "A pixel has the mean 6 and the standard deviation 3 over the training images; the network gets it "
        "standardised. In one image it is 12, and `cutout` blanks it in the standardised image. Which value, in the "
        "image's own units, does the network see there?",
        lambda: _behind_the_square(12.0, 6.0, 3.0),
        "6: zero is the mean there, not black or white. So the square tells the network nothing about this image, "
        "which is what it is for; but a shifted image gets a grey border, unless it is shifted before it is "
        "standardised.",
        beliefs=(
            (0.0, "0 in standardised units; in the image's own units that is 0 * 3 + 6."),
            (-2.0, "that is what a 0 of the image becomes when it is standardised; here 0 is put in afterwards."),
            (12.0, "that pixel was blanked: it is no longer what it was."),
            (2.0, "what the network would have seen without the square: (12 - 6) / 3."),
        ),
    ),
)
