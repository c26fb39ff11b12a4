"""cifar_plain.py, training on 30 % of the images of each epoch, as is usual: six lines are others.

python examples/cifar_pruned.py --data cifar10/    # a folder of parquet files, as the hub has them
"""

import argparse
import time
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import prune_agents
import pyarrow.parquet
import torch
from PIL import Image
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms

from prune_env.training import Pruned

parser = argparse.ArgumentParser(description="PyTorch CIFAR-10 training")
parser.add_argument("--data", default="cifar10", help="folder of train-*.parquet, test-*.parquet")
parser.add_argument("--epochs", type=int, default=30)
parser.add_argument("--width", type=int, default=32, help="channels of the first layer")
parser.add_argument("--limit", type=int, help="use only so many images of each split")
parser.add_argument("--workers", type=int, default=2)
parser.add_argument("--seed", type=int, default=0)
parser.add_argument("--amp", action="store_true", help="autocast to bfloat16")
args = parser.parse_args()
device = "cuda" if torch.cuda.is_available() else "cpu"
torch.manual_seed(args.seed)


class CIFAR10(Dataset[tuple[Tensor, int]]):
    def __init__(self, split: str, transform: Callable[[Image.Image], Tensor]) -> None:
        files = sorted(Path(args.data).glob(f"{split}-*.parquet"))
        rows = pyarrow.parquet.read_table(files).slice(0, args.limit).to_pydict()
        self.images = [Image.open(BytesIO(row["bytes"])).convert("RGB") for row in rows["img"]]
        self.targets, self.transform = rows["label"], transform

    def __len__(self) -> int:
        return len(self.targets)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        return self.transform(self.images[index]), self.targets[index]


class Block(nn.Module):
    def __init__(self, planes: int, out: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(planes, out, 3, stride, 1, bias=False)
        self.conv2 = nn.Conv2d(out, out, 3, 1, 1, bias=False)
        self.bn1, self.bn2 = nn.BatchNorm2d(out), nn.BatchNorm2d(out)
        self.shortcut = nn.Conv2d(planes, out, 1, stride, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        out = self.bn2(self.conv2(torch.relu(self.bn1(self.conv1(x)))))
        return torch.relu(out + self.shortcut(x))


normalize = transforms.Normalize((0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616))
plain = [transforms.ToTensor(), normalize]
augment = [transforms.RandomCrop(32, padding=4), transforms.RandomHorizontalFlip(), *plain]
trainset = CIFAR10("train", transforms.Compose(augment))
testset = CIFAR10("test", transforms.Compose(plain))
pruned = Pruned(trainset, prune_agents.make("ucb"), epochs=args.epochs, seed=args.seed)
trainloader = DataLoader(pruned.dataset, 128, sampler=pruned.sampler, num_workers=args.workers)
testloader = DataLoader(testset, batch_size=500, num_workers=args.workers)

w = args.width
stem = [nn.Conv2d(3, w, 3, 1, 1, bias=False), nn.BatchNorm2d(w), nn.ReLU()]
blocks = [Block(w, w, 1), Block(w, 2 * w, 2), Block(2 * w, 4 * w, 2), Block(4 * w, 8 * w, 2)]
net = nn.Sequential(*stem, *blocks, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8 * w, 10))
net = net.to(device).to(memory_format=torch.channels_last)
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9, weight_decay=5e-4)
scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=args.epochs)

print(f"{len(trainset)} images, {device}")
for epoch in range(args.epochs):
    begin, loss = time.perf_counter(), torch.zeros(())
    net.train()
    for inputs, targets, arms in trainloader:
        inputs, targets = inputs.to(device), targets.to(device)
        with torch.autocast(device, torch.bfloat16, enabled=args.amp):
            outputs = net(inputs)
            loss = pruned.loss(outputs, targets, arms)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    scheduler.step()
    trained = f"loss {loss.item():.3f}, {time.perf_counter() - begin:.2f} s"

    net.eval()
    with torch.no_grad(), torch.autocast(device, torch.bfloat16, enabled=args.amp):
        right = [(net(x.to(device)).argmax(1).cpu() == y).float() for x, y in testloader]
    print(f"epoch {epoch}: {trained}, test accuracy {100 * torch.cat(right).mean():.2f} %")
