"""The mistakes that are made in dropout: in drawing the mask, in going forward and in going back."""

from __future__ import annotations

import torch

from coursekit.exercise import Convention, Slip

# Which hint opens first after a mistake of this kind.
IDEA, FORM, LINE = 1, 2, 3

RANDOM = "torch.rand(shape, generator=generator, device=generator.device)"  # how the answer writes it


def _seeded_inside(shape, p, generator):
    generator.manual_seed(0)
    return (torch.rand(shape, generator=generator) >= p).float()


def _one_for_each_row(shape, p, generator):
    return (torch.rand((*shape[:-1], 1), generator=generator) >= p).float().expand(shape)


def _one_for_each_column(shape, p, generator):
    return (torch.rand(shape[-1:], generator=generator) >= p).float().expand(shape)


def _fixed_share(shape, p, generator):
    count = torch.Size(shape).numel()
    places = torch.randperm(count, generator=generator)
    return (places >= round(p * count)).float().reshape(shape)


MASK = (
    Slip(
        "p taken for the share that is kept",
        (">= p", "< p"),
        "p is the share that you keep; here it is the probability of *dropping*, so at p = 0.3 about 0.7 of the mask "
        "are ones. The paper of Srivastava et al. (2014) has it your way round, torch as here.",
    ),
    Slip(
        "scaled in the mask",
        (".float()", ".float() / (1 - p)"),
        "The ones are scaled by 1 / (1 - p). The mask is only what is kept and what is dropped, ones and zeros: "
        "`dropout` scales, and would do so twice with this one.",
        hint=FORM,
    ),
    Slip(
        "normal numbers for uniform ones",
        ("torch.rand(", "torch.randn("),
        "`randn` draws from the normal distribution: the share below p is then not p. A uniform number between 0 and "
        "1, `torch.rand`, is below p with probability p.",
        hint=FORM,
    ),
    Slip(
        "generator of its own",
        ("generator=generator, device=generator.device", "generator=torch.Generator().manual_seed(0)"),
        "A new generator with a fixed seed is made in each call, so each call draws the same mask: the same "
        "activations are dropped for ever. Draw from the generator that comes in.",
        hint=FORM,
    ),
    Slip(
        "generator seeded inside",
        _seeded_inside,
        "The generator is seeded inside the function, so each call draws the same mask: the same activations are "
        "dropped for ever. Who calls has seeded it; only draw from it.",
        hint=FORM,
    ),
    Slip(
        "p not used",
        (">= p", ">= 0.5"),
        "Half of the mask are ones at every p: 0.5 stands where p belongs.",
        hint=LINE,
    ),
    Slip(
        "one number for all",
        (RANDOM, "torch.rand(1, generator=generator).expand(shape)"),
        "One number is drawn for the whole mask, so that all is kept or all is dropped. Draw one for each entry: "
        "`torch.rand(shape, ...)`.",
        hint=FORM,
    ),
    Slip(
        "one number for each row",
        _one_for_each_row,
        "One number is drawn for each row, so that whole rows are kept or dropped. Draw one for each entry.",
        hint=FORM,
    ),
    Slip(
        "one number for each column",
        _one_for_each_column,
        "One number is drawn for each column, so that every row has the same mask: the same units would be dropped for "
        "all examples of a batch. Draw one for each entry.",
        hint=FORM,
    ),
    Slip(
        "a fixed number dropped",
        _fixed_share,
        "Exactly p of the entries are dropped in every mask. Each entry is drawn on its own, so that the number of "
        "zeros varies from mask to mask: with a fixed number the fate of one entry depends on the others.",
    ),
    Slip(
        "random numbers returned",
        (f"({RANDOM} >= p).float()", RANDOM),
        "The random numbers themselves come back. Compare them with p: what is at or above p is kept, 1, and what is "
        "below is dropped, 0.",
        hint=FORM,
    ),
    Slip(
        "everything kept",
        (RANDOM, "torch.ones(shape)"),
        "The mask is ones throughout, and nothing was drawn.",
    ),
)


# ---- forward

DROPOUT = (
    Slip(
        "scaled in training and at test",
        ("return h\n", "return h * (1 - p)\n"),
        "Training is right: what is kept is scaled up by 1 / (1 - p), so that the mean stays. At test you scale down "
        "as well, by 1 - p, and the mean is then 1 - p times that of training. Some notes say both. It is one or the "
        "other: here, in training.",
    ),
    Slip(
        "not scaled",
        (" / (1 - p)", ""),
        "What is kept is not scaled up in training, so the next layer sees 1 - p times the mean that it sees at test: "
        "{yours:.3g} for {expected:.3g}. Divide by 1 - p, the share that is kept.",
        hint=FORM,
    ),
    Slip(
        "divided by p",
        ("/ (1 - p)", "/ p"),
        "You divide by p, the share that is dropped: {yours:.3g} for {expected:.3g}. The mean of what is left is "
        "1 - p times the whole: divide by 1 - p.",
        hint=FORM,
    ),
    Slip(
        "scaled down in training",
        ("/ (1 - p)", "* (1 - p)"),
        "You multiply by 1 - p in training: {yours:.3g} for {expected:.3g}. What is kept must make up for what is "
        "dropped: divide.",
        hint=FORM,
    ),
    Slip(
        "parentheses around 1 - p forgotten",
        ("(1 - p)", "1 - p"),
        "Without parentheses `/ 1 - p` divides by 1 and then subtracts p: {yours:.3g} for {expected:.3g}. Write "
        "`/ (1 - p)`.",
        hint=LINE,
    ),
    Slip(
        "scaled by 1 + p",
        ("/ (1 - p)", "* (1 + p)"),
        "You scale by 1 + p: {yours:.3g} for {expected:.3g}. The mean of what is kept is 1 - p times the whole, and "
        "(1 + p)(1 - p) is not 1. Divide by 1 - p.",
        hint=FORM,
    ),
    Slip(
        "root of the factor",
        ("/ (1 - p)", "/ (1 - p) ** 0.5"),
        "You divide by the root of 1 - p: {yours:.3g} for {expected:.3g}. That would keep the mean of the squares; it "
        "is the mean itself that is kept.",
        hint=FORM,
    ),
    Slip(
        "divided by the share of this mask",
        ("/ (1 - p)", "/ mask.mean()"),
        "You divide by the share that this mask happens to keep, and not by 1 - p. The factor is a constant, right on "
        "average over all masks. With yours one activation's scale depends on the others' fate, and a mask of zeros "
        "gives 0/0.",
        hint=FORM,
    ),
    Slip(
        "mask not used",
        ("h * mask", "h"),
        "Nothing is dropped in training: the mask is not used, {yours:.3g} for {expected:.3g}. Multiply by it first.",
    ),
    Slip(
        "dropped and kept exchanged",
        ("* mask", "* (1 - mask)"),
        "You keep what the mask drops, and drop what it keeps: {yours:.3g} for {expected:.3g}. A 1 in the mask stands "
        "for kept.",
    ),
    Slip(
        "dropped at test too",
        ("    if not training:\n        return h\n", ""),
        "`training` is not used: at test activations are dropped too, and the same input gets another answer each "
        "time. At test nothing is dropped and nothing is scaled: hand `h` on as it is.",
    ),
    Slip(
        "mask without the factor at test",
        ("return h\n", "return h * mask\n"),
        "At test the mask is still applied, so activations are dropped there. At test nothing is dropped: hand `h` on "
        "as it is.",
    ),
    Slip(
        "scaled up at test",
        ("return h\n", "return h / (1 - p)\n"),
        "At test you scale up by 1 / (1 - p), as in training; but nothing is dropped there that would have to be made "
        "up for: the mean is 1 / (1 - p) times too large.",
    ),
    Slip(
        "scaled up at test only",
        [(" / (1 - p)", ""), ("return h\n", "return h / (1 - p)\n")],
        "Training is not scaled, and the test is scaled up. What is dropped makes the training mean too *small*, so it "
        "is training that has to be scaled up; the test stays as it is.",
    ),
    Slip(
        "training and test exchanged",
        ("if not training", "if training"),
        "Training and test are exchanged: you drop at test and hand `h` on in training. `training` is True while the "
        "network learns.",
    ),
    Slip(
        "nothing dropped at all",
        ("return h * mask / (1 - p)", "return h"),
        "`h` comes back as it went in, in training too: {yours:.3g} for {expected:.3g}. There, what the mask drops "
        "becomes 0 and the rest is scaled up.",
    ),
    Slip(
        "gradient cut off",
        ("h * mask / (1 - p)", "h.detach() * mask / (1 - p)"),
        "The value is right, but no gradient flows back to `h`: `.detach()`, `.data` or `torch.no_grad()` cuts it off, "
        "and the layers below would never learn. Compute with the tensors as they come in.",
        hint=LINE,
    ),
)

DROPOUT_CONVENTIONS = (
    Convention(
        "scaled at test",
        [(" / (1 - p)", ""), ("return h\n", "return h * (1 - p)\n")],
        "This is the first form of dropout, of Srivastava et al. (2014), section 4: no scale in training, times 1 - p "
        "at test. It is right in itself; its activations are 1 - p times those of this course and of torch, in "
        "training and at test: divide yours by 1 - p in both. The form here, called inverted, leaves the network at "
        "test as if there were no dropout.",
    ),
)


# ---- back

BACKWARD = (
    Slip(
        "factor forgotten",
        (" / (1 - p)", ""),
        "The factor is missing: yours is {ratio:.3g} times the gradient, which is 1 - p. What is multiplied by 1 / "
        "(1 - p) on the way forward has its gradient multiplied by the same on the way back.",
        hint=FORM,
    ),
    Slip(
        "mask forgotten",
        ("grad * mask", "grad"),
        "The mask is not used: {yours:.3g} for {expected:.3g}. What was dropped had no part in the loss, so its "
        "gradient is 0.",
    ),
    Slip(
        "dropped and kept exchanged",
        ("* mask", "* (1 - mask)"),
        "The gradient goes to what was dropped: {yours:.3g} for {expected:.3g}. A 1 in the mask stands for kept.",
    ),
    Slip(
        "divided by p",
        ("/ (1 - p)", "/ p"),
        "You divide by p, the share that is dropped: {yours:.3g} for {expected:.3g}. The factor of the way forward is "
        "1 / (1 - p), and it is the same on the way back.",
        hint=FORM,
    ),
    Slip(
        "inverse of the factor",
        ("/ (1 - p)", "* (1 - p)"),
        "You multiply by 1 - p, which undoes the factor: {yours:.3g} for {expected:.3g}. A derivative does not undo: "
        "where the way forward multiplies by 1 / (1 - p), the way back does so too.",
    ),
    Slip(
        "multiplied by p",
        ("/ (1 - p)", "* p"),
        "You multiply by p: {yours:.3g} for {expected:.3g}. The factor of the way forward is 1 / (1 - p), and it is "
        "the same on the way back.",
        hint=FORM,
    ),
    Slip(
        "factor twice",
        ("/ (1 - p)", "/ (1 - p) ** 2"),
        "The factor 1 / (1 - p) stands twice: yours is {ratio:.3g} times the gradient. `grad` comes from above "
        "dropout and does not hold it yet; it is multiplied in once.",
        hint=FORM,
    ),
    Slip(
        "parentheses around 1 - p forgotten",
        ("(1 - p)", "1 - p"),
        "Without parentheses `/ 1 - p` divides by 1 and then subtracts p: {yours:.3g} for {expected:.3g}. Write "
        "`/ (1 - p)`.",
        hint=LINE,
    ),
    Slip(
        "divided by the share of this mask",
        ("/ (1 - p)", "/ mask.mean()"),
        "You divide by the share that this mask happens to keep, and not by 1 - p: {yours:.3g} for {expected:.3g}. The "
        "way forward divides by 1 - p.",
        hint=FORM,
    ),
    Slip(
        "gradient unchanged",
        ("grad * mask / (1 - p)", "grad"),
        "The gradient comes back as it came: {yours:.3g} for {expected:.3g}. Dropout is a product with the mask and a "
        "factor, so its gradient is multiplied by both.",
    ),
    Slip(
        "sign turned",
        ("return grad", "return -grad"),
        "The sign is turned: {yours:.3g} for {expected:.3g}. A gradient is handed back as it is; the optimizer at the "
        "end subtracts it.",
        hint=LINE,
    ),
    Slip(
        "the mask's own gradient",
        ("grad * mask / (1 - p)", "mask / (1 - p)"),
        "You return the derivative of dropout alone, mask / (1 - p). The chain rule multiplies it by what arrives from "
        "above, `grad`.",
        hint=FORM,
    ),
)
