"""A real network: it trains on the arms that an agent keeps, data resident on the device."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from copy import deepcopy
from functools import cached_property, partial
from itertools import pairwise
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from prune_env import networks, tasks
from prune_env.core.selection import Selection
from prune_env.core.signals import MEASURED, column
from prune_env.data.dataset import Dataset
from prune_env.data.dirty import CLEAN, Dirt, draw_arms
from prune_env.learners.network import modes, own_step, per_sample, step_graphs
from prune_env.learners.network.device import find_device, precision_on, seeded, undisturbed
from prune_env.learners.network.measure import measure
from prune_env.learners.network.weight_average import Lookahead, Reference
from prune_env.learners.protocol import Layers, Metrics, Signals, SplitName
from prune_env.learners.ranks import Ranks, equal_batches
from prune_env.lookup import Function, path_of

EVALUATION_BATCH = {"cpu": 100, "cuda": 1000}
"""Inputs a forward pass; on a CPU 500 at a time take 1.5 times as long, for page faults."""
GRADIENT_BATCH = 50
"""Inputs whose gradients by all parameters are held at once."""


class NetworkLearner:
    """One run of one network over the N training inputs left after validation is carved out.

    ```python
    learner = NetworkLearner(data.load("digits"))
    learner.reset([0])
    everything = Selection(np.arange(learner.num_arms), np.array([learner.num_arms]))
    signals = learner.train(everything, np.array([0.0]), np.array([0.1]))
    learner.evaluate("validation").accuracy  # (1,)
    ```

    Where `torch.distributed` has a process group its ranks hold one run together: each trains on
    and measures its share of every batch, and has the same network.
    """

    num_runs = 1

    @undisturbed()
    def __init__(
        self,
        dataset: Dataset,
        network: Function | None = None,
        recipe: Mapping[str, Any] | None = None,
        device: str = "auto",
        num_validation: int | None = None,
        dirt: Dirt = CLEAN,
    ) -> None:
        """Move the data to the device and prepare the network; `reset` begins a run.

        Args:
            dataset: the inputs; its training split is divided into arms and validation.
            network: of `networks.registry.RECIPES`, torchvision.models or timm, by name, or a
                function of one's own, see `networks.registry.own_factory`. None takes the MLP for
                images of a few pixels, "cpu90" on a CPU, "resnet18" on a GPU.
            recipe: fields of the network's default `networks.Recipe` to change.
            device: "auto" (a GPU where there is one), "cpu", "cuda" or "cuda:1".
            num_validation: samples of the validation split; a tenth of the training set if None.
                With 0 all are arms, and there is no validation.
            dirt: what is made worse of the arms.

        Raises:
            ValueError: unknown network, recipe field or device, or a split that is left empty.
        """
        self.device, self.ranks = find_device(device), Ranks.here()
        self.digest = dataset.digest
        arms = draw_arms(dataset.train.labels, num_validation, dirt)
        train = dataset.train.part(arms.positions)
        self.train_positions, self.labels = train.rows, arms.labels
        """(N,) int64: `Split.rows` of each arm, and its class."""
        self.true_labels = arms.true_labels
        self.arm_files = train.files
        """(N,) text, of an image folder: the path of each arm in it."""
        self.task = task = tasks.find(dataset, train.images, self.device)
        network = network or task.default_network(self.device)
        self.network = path_of(network)
        self.recipe = networks.recipe(network).override(recipe or {})
        graphs = step_graphs.are_wanted(self.network, self.recipe, self.ranks.size)
        self._graphs = graphs and self.device.type == "cuda"
        self.num_arms = len(self.labels)
        self.classes, self.num_classes = dataset.classes, len(dataset.classes)
        self.num_validation, self.num_test = len(arms.validation), len(dataset.test.labels)
        self._loss = own_step.loss_of(self.recipe)
        self._augment = own_step.augment_of(self.recipe)
        self.make_model = networks.factory(network, task.example, self.num_classes)
        """Makes an untrained network of this kind, on the CPU."""
        self.arm_inputs = task.store(train.images, self.device, self.recipe)
        """The inputs of the arms, on the device; see `prune_env.tasks.Store`."""
        self._arm_labels = self._to_device(self.labels)
        splits = {"test": dataset.test}
        if self.num_validation:
            splits["validation"] = dataset.train.part(arms.validation)
        self._splits = {
            name: (task.store(split.images, self.device), self._to_device(split.labels))
            for name, split in splits.items()
        }
        self._evaluation_batch = EVALUATION_BATCH[self.device.type]
        self.precision = precision_on(self.device, self.recipe.precision)
        self._asked: tuple[str, ...] = ()
        self.reset([0])
        self.extras: dict[str, tuple[int, ...]] = {"reference_loss": ()}
        """What it can measure beside `MEASURED`: the name, and the shape of one arm's."""
        with suppress(ValueError):  # a network that ends in a convolution has no such features
            width = self._head().in_features
            self._axes = per_sample.projection(width, self.device)
            self.extras["features"] = (min(width, per_sample.WIDEST),)

    def images_of(self, indices: NDArray[np.int64]) -> NDArray[np.uint8] | None:
        """(K, H, W, C) uint8: these arms for the dashboard; None where they are no images."""
        return self.task.pictures(self.arm_inputs, self._to_device(indices))

    def measure_also(self, extras: Sequence[str]) -> None:
        """Measure these of `extras` too, from the next run that begins or is restored."""
        self._asked = tuple(extras)

    @undisturbed()
    def reset(self, seeds: Sequence[int]) -> None:
        """Begin a new run; seeds[0] decides initial weights, data order and augmentation."""
        self._seed, self._round = int(seeds[0]), 0
        with seeded(self.device, self._seed, 0):
            model = self.make_model().to(self.device)
        self._model = model = self.task.prepared(model)
        self._reference: Reference | None = None
        self._optimizer = networks.make_optimizer(model, self.recipe)
        self._lookahead = Lookahead(model) if self.recipe.lookahead else None
        self._attach()

    def _attach(self) -> None:
        """Make what the extras asked for need and the run has not; forget compiled code."""
        if "reference_loss" in self._asked and self._reference is None:
            self._reference = Reference(self._model, self.recipe.reference_decay)
        sees = "features" in self._asked
        forward = per_sample.WithFeatures(self._model, self._head()) if sees else self._model
        mode = self.recipe.compile
        self._forward = forward if mode == "off" else torch.compile(forward, mode=mode)
        self._take_step: step_graphs.Step = self._step
        if self._graphs:
            capture = step_graphs.on_gpu(self.device)
            self._take_step = step_graphs.StepGraphs(self._step, self._optimizer, capture)

    def _head(self) -> torch.nn.Linear:
        return per_sample.linear_layers(self._model)[self._head_name]

    @cached_property
    def _head_name(self) -> str:
        return per_sample.last_linear(self._model, self.arm_inputs.plain(slice(1)))

    @undisturbed()
    def train(
        self, selection: Selection, start: NDArray[np.float64], end: NDArray[np.float64]
    ) -> Signals:
        """Train one pass over the selected arms, in an order drawn for all arms."""
        noise = self.task.draw(self.num_arms, self.recipe, self._seed, self._round)
        if self._augment:
            noise.rows["uniform"] = own_step.draw_uniform(self.num_arms, self._seed, self._round)
        weight_of = np.zeros(self.num_arms, np.float32)
        weight_of[selection.indices] = 1 if selection.weights is None else selection.weights
        arms = noise.order[weight_of[noise.order] > 0]
        self.ranks.agree(arms, "selection")
        edges = equal_batches(len(arms), self.recipe.batch_size)
        measured = self._epoch(arms, weight_of[arms], noise, edges, float(start[0]), float(end[0]))
        self._round += 1
        found = self.ranks.whole(measured, edges)
        return Signals(arms, found.pop("table"), found)

    def finish(self) -> None:
        """After the last round of a run go over to the slow weights, where there are such."""
        if self._lookahead:
            self._lookahead.finish()

    @undisturbed()
    def score(self, indices: NDArray[np.int64]) -> Signals:
        """Measure arms by a forward pass on the plain inputs, without training."""
        index = self._to_device(indices)
        found = self._plain_pass(self.arm_inputs, self._arm_labels, index, self._asked)
        return Signals(indices, found.pop("table"), found)

    def log_probabilities(self, indices: NDArray[np.int64]) -> NDArray[np.float32]:
        """(K, C): log-softmax of the logits on the plain inputs."""
        return self._by_parts(indices, lambda part: self._see(self.arm_inputs.plain(part))[0])

    def features(self, indices: NDArray[np.int64]) -> NDArray[np.float32]:
        """(K, D): what goes into the last linear layer on the plain inputs."""
        see = partial(per_sample.features, self._model, head=self._head())
        return self._by_parts(indices, lambda part: see(self.arm_inputs.plain(part)))

    def gradient_norms(self, indices: NDArray[np.int64], layers: Layers) -> NDArray[np.float32]:
        """(K,): norm of the gradient of each arm's loss; see `per_sample`."""
        norms, size = partial(per_sample.all_layer_norms, self._model), GRADIENT_BATCH
        if layers == "last":
            norms = partial(per_sample.last_layer_norms, self._model, head=self._head())
            size = self._evaluation_batch
        return self._by_parts(
            indices, lambda part: norms(self.arm_inputs.plain(part), self._arm_labels[part]), size
        )

    @undisturbed()
    @torch.no_grad()
    def _by_parts(
        self, indices: NDArray[np.int64], of: Callable[[Tensor], Tensor], size: int | None = None
    ) -> NDArray[np.float32]:
        """(K, ...): what a function gives of these positions, `size` at a time, in prediction."""
        self._model.eval()
        parts = self._to_device(indices).split(size or self._evaluation_batch)
        return torch.cat([of(part) for part in parts]).cpu().numpy()

    @undisturbed()
    def evaluate(self, split: SplitName) -> Metrics:
        """Loss and accuracy on "validation" or "test"."""
        store, labels = self._splits[split]
        index = torch.arange(len(store), device=self.device)
        table = self._plain_pass(store, labels, index)["table"]
        mean = table.mean(axis=0, dtype=np.float64)
        return Metrics(np.array([column(mean, "loss")]), np.array([column(mean, "correct")]))

    def export(self) -> dict[str, Any]:
        """The network as others can use it, copied to the CPU; docs/networks.md shows how.

        Its weights and recipe, the classes that its outputs stand for, the shape of an input, of
        images (C, H, W), and the mean and std that these are normalised by, (C, 1, 1) of images.
        """
        weights = self._model.state_dict().items()
        return {
            "network": self.network,
            "recipe": self.recipe.plain(),
            "classes": list(self.classes),
            "shape": list(self.task.example.shape[1:]),
            **self.task.normalisation,
            "weights": {
                name: tensor.clone(memory_format=torch.contiguous_format).cpu()
                for name, tensor in weights
            },
        }

    def state_dict(self) -> dict[str, Any]:
        """Model, optimizer, seed, round, reference: tensors and plain values, copied."""
        state = {
            "seed": self._seed,
            "round": self._round,
            "model": dict(self._model.state_dict()),
            "optimizer": self._optimizer.state_dict(),
        }
        if self._reference:
            state["reference"] = self._reference.state_dict()
        if self._lookahead:
            state["lookahead"] = self._lookahead.state_dict()
        return deepcopy(state)

    @undisturbed()
    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from `state_dict`, on a CPU bit for bit; on a GPU cuDNN may add otherwise."""
        self._seed, self._round = state["seed"], state["round"]
        self._model.load_state_dict(state["model"])
        self._optimizer.load_state_dict(deepcopy(state["optimizer"]))
        networks.freeze(self._optimizer)
        if self._lookahead:
            self._lookahead.load_state_dict(state["lookahead"])
        if "reference" not in state:
            self._reference = None
        self._attach()
        if self._reference:
            self._reference.load_state_dict(state["reference"])

    def _epoch(
        self,
        arms: NDArray[np.int64],
        weights: NDArray[np.float32],
        noise: tasks.Noise,
        edges: list[int],
        start: float,
        end: float,
    ) -> dict[str, Tensor]:
        """Train on (K,) arms in this order, in batches; returns what this rank has measured.

        The host never waits for the device in here.
        """
        given: dict[str, NDArray[Any]] = {"index": arms, "weight": weights}
        given |= {name: values[..., arms] for name, values in noise.rows.items()}
        rows = {name: self._to_device(array) for name, array in given.items()}
        rows["label"] = self._arm_labels[rows["index"]]
        measured = self._blank(len(arms), self._asked)
        ranks, num_batches = self.ranks, len(edges) - 1
        with seeded(self.device, self._seed, 1 + self._round, ranks.rank):
            for step, (first, last) in enumerate(pairwise(edges)):
                share = ranks.share(first, last)
                batch = {name: values[..., share] for name, values in rows.items()}
                if ranks.size > 1:
                    batch["weight"] = batch["weight"] * ranks.part(first, last)
                modes.train(self._model, len(batch["index"]))
                fraction = start + (end - start) * step / num_batches
                networks.set_rates(self._optimizer, self.recipe, fraction)
                out = {name: values[share] for name, values in measured.items()}
                self._take_step(batch, out, self.recipe.image_size(fraction))
                if self._lookahead:
                    self._lookahead.follow(start + (end - start) * (step + 1) / num_batches)
                if self._reference:
                    self._reference.follow(self._model)
        return measured

    def _step(self, batch: dict[str, Tensor], out: dict[str, Tensor], size: float) -> None:
        """One step on sum(weight * loss) / B, of the recipe's loss; writes what it measures.

        Args:
            batch: "index", "label" (B,) int64, "weight" (B,) float32, and the rows of the noise.
            out: as `_blank`, of B samples.
            size: what images are multiplied by in height and width.
        """
        labels = batch["label"]
        inputs = self.task.augmented(self.arm_inputs, batch, size)
        if self._augment:
            inputs = self._augment(inputs, batch["uniform"].T)
        log_p, features = self._see(inputs)
        # first: a compiled backward pass writes into what `features` is a view of
        self._measure(inputs, log_p.detach(), features, labels, out)
        loss = self._loss(log_p, labels)
        self._optimizer.zero_grad(set_to_none=True)
        (loss * batch["weight"]).mean().backward()
        if self.ranks.size > 1:
            self.ranks.combine(self._model, *[r.model for r in [self._reference] if r])
        self._optimizer.step()

    def _plain_pass(
        self, store: tasks.Store, labels: Tensor, index: Tensor, extras: Sequence[str] = ()
    ) -> dict[str, NDArray[np.float32]]:
        """Measure the inputs at (K,) positions by forward passes."""
        measured = self._blank(len(index), extras)
        share = range(len(index))[self.ranks.share(0, len(index))]
        self._model.eval()
        with torch.no_grad():
            for first in range(0, len(share), self._evaluation_batch):
                positions = share[first : first + self._evaluation_batch]
                batch = slice(positions.start, positions.stop, positions.step)
                part = index[batch]
                inputs = store.plain(part)
                out = {name: values[batch] for name, values in measured.items()}
                self._measure(inputs, *self._see(inputs), labels[part], out)
        return self.ranks.whole(measured, [0, len(index)])

    def _blank(self, count: int, extras: Sequence[str]) -> dict[str, Tensor]:
        """What a pass over K samples fills: the (K, 5) table, and an array for each extra."""
        shapes = {"table": (len(MEASURED),)} | {name: self.extras[name] for name in extras}
        return {
            name: torch.empty((count, *shape), device=self.device) for name, shape in shapes.items()
        }

    def _measure(
        self,
        inputs: Tensor,
        log_p: Tensor,
        features: Tensor | None,
        labels: Tensor,
        out: dict[str, Tensor],
    ) -> None:
        """Write what is measured of the B inputs for which the network has just given log_p."""
        measure(log_p, labels, out["table"])
        if "features" in out:
            assert features is not None
            out["features"].copy_(features if self._axes is None else features @ self._axes)
        if "reference_loss" in out:
            assert self._reference
            self._reference.train(self._model.training and len(inputs) > 1)
            with torch.no_grad():
                log_p, _ = self._see(inputs, self._reference.model)
            out["reference_loss"].copy_(-log_p.gather(1, labels[:, None])[:, 0])

    def _see(
        self, inputs: Tensor, model: torch.nn.Module | None = None
    ) -> tuple[Tensor, Tensor | None]:
        """(B, ...) -> (B, num_classes) log-probabilities, and (B, D) features where asked for.

        Both float32; by default of the network that is trained.
        """
        with self.autocast():
            output = (model or self._forward)(inputs)
        logits, features = output if isinstance(output, tuple) else (output, None)
        return F.log_softmax(logits.float(), dim=1), features

    def autocast(self) -> torch.autocast:
        """What a forward pass of its network runs under: bf16 where that is its precision."""
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.precision == "bf16")

    def _to_device(self, array: NDArray[Any]) -> Tensor:
        """Copy an array to the device without making the host wait."""
        return torch.from_numpy(np.array(array)).to(self.device, non_blocking=True)
