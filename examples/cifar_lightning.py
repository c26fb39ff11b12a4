"""Train a small ResNet on CIFAR-10 by Lightning, on 30 % of the images of each epoch.

python examples/cifar_lightning.py --data cifar10/    # parquet files, as the hub has them

`pip install prune_env[lightning,hub]`.
"""

import argparse
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import lightning.pytorch as pl
import prune_agents
import pyarrow.parquet
import torch
import torch.nn.functional as F
from lightning.pytorch.utilities.types import OptimizerLRScheduler
from PIL import Image
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms

from prune_env.training import Pruned
from prune_env.training.lightning import PruningCallback

parser = argparse.ArgumentParser(description="CIFAR-10 by Lightning")
parser.add_argument("--data", default="cifar10", help="folder of train-*.parquet, test-*.parquet")
parser.add_argument("--agent", default="ucb", help="full trains on everything")
parser.add_argument("--epochs", type=int, default=30)
parser.add_argument("--width", type=int, default=32, help="channels of the first layer")
parser.add_argument("--limit", type=int, help="use only so many images of each split")
parser.add_argument("--workers", type=int, default=2)
parser.add_argument("--seed", type=int, default=0)
parser.add_argument("--resume", help="a checkpoint to go on from")
args = parser.parse_args()


class CIFAR10(Dataset[tuple[Tensor, int]]):
    def __init__(self, split: str, transform: Callable[[Image.Image], Tensor]) -> None:
        files = sorted(Path(args.data).glob(f"{split}-*.parquet"))
        if not files:
            parser.error(f"{args.data} has no {split}-*.parquet; --data names that of CIFAR-10")
        rows = pyarrow.parquet.read_table(files).slice(0, args.limit).to_pydict()
        self.images = [Image.open(BytesIO(row["bytes"])).convert("RGB") for row in rows["img"]]
        self.targets, self.transform = rows["label"], transform

    def __len__(self) -> int:
        return len(self.targets)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        return self.transform(self.images[index]), self.targets[index]


class Classifier(pl.LightningModule):
    def __init__(self, net: nn.Module, pruned: Pruned) -> None:
        super().__init__()
        self.net, self.pruned = net, pruned

    def training_step(self, batch: tuple[Tensor, Tensor, Tensor], index: int) -> Tensor:
        images, labels, arms = batch
        return self.pruned.loss(self.net(images), labels, arms)

    def validation_step(self, batch: tuple[Tensor, Tensor], index: int) -> None:
        images, labels = batch
        right = (self.net(images).argmax(1) == labels).float().mean()
        self.log("test_accuracy", right, prog_bar=True)

    def configure_optimizers(self) -> OptimizerLRScheduler:
        optimizer = torch.optim.SGD(self.parameters(), lr=0.1, momentum=0.9, weight_decay=5e-4)
        schedule = self.pruned.scheduler(optimizer, lambda progress: 1 - progress)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


class Block(nn.Module):
    def __init__(self, planes: int, out: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(planes, out, 3, stride, 1, bias=False)
        self.conv2 = nn.Conv2d(out, out, 3, 1, 1, bias=False)
        self.bn1, self.bn2 = nn.BatchNorm2d(out), nn.BatchNorm2d(out)
        self.shortcut = nn.Conv2d(planes, out, 1, stride, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        out = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        return F.relu(out + self.shortcut(x))


def resnet(w: int) -> nn.Sequential:
    stem = [nn.Conv2d(3, w, 3, 1, 1, bias=False), nn.BatchNorm2d(w), nn.ReLU()]
    blocks = [Block(w, w, 1), Block(w, 2 * w, 2), Block(2 * w, 4 * w, 2), Block(4 * w, 8 * w, 2)]
    head = [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8 * w, 10)]
    return nn.Sequential(*stem, *blocks, *head)


pl.seed_everything(args.seed)
normalize = transforms.Normalize((0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616))
plain = [transforms.ToTensor(), normalize]
augment = [transforms.RandomCrop(32, padding=4), transforms.RandomHorizontalFlip(), *plain]
trainset = CIFAR10("train", transforms.Compose(augment))
testset = CIFAR10("test", transforms.Compose(plain))
options = {} if args.agent == "full" else {"keep_ratio": 0.3}
pruned = Pruned(
    trainset, prune_agents.make(args.agent, **options), epochs=args.epochs, seed=args.seed
)
trainloader = DataLoader(
    pruned.dataset,
    batch_sampler=pruned.batch_sampler(128),
    num_workers=args.workers,
    persistent_workers=args.workers > 0,
)
testloader = DataLoader(testset, batch_size=500, num_workers=args.workers)
trainer = pl.Trainer(max_epochs=-1, callbacks=PruningCallback(pruned), logger=False)
trainer.fit(Classifier(resnet(args.width), pruned), trainloader, testloader, ckpt_path=args.resume)
print(f"{args.agent}: test accuracy {100 * trainer.callback_metrics['test_accuracy']:.2f} %")
