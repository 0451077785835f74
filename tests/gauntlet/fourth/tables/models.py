"""Nets for tables of codes."""

import torch
from torch import nn


class Taste(nn.Module):
    """Stars (N, 1) of users and films (N, 2) by the product of their vectors, with a bias for each."""

    def __init__(self, factors: int = 4, deviation: float = 0.1) -> None:
        super().__init__()
        self.users, self.films = nn.Embedding(80, factors), nn.Embedding(60, factors)
        self.mild, self.good = nn.Embedding(80, 1), nn.Embedding(60, 1)
        self.mean = nn.Parameter(torch.tensor(3.0))
        for table in (self.users, self.films):
            nn.init.normal_(table.weight, 0.0, deviation)
        for table in (self.mild, self.good):
            nn.init.zeros_(table.weight)

    def forward(self, pairs: torch.Tensor) -> torch.Tensor:
        who, what = pairs[:, 0], pairs[:, 1]
        together = (self.users(who) * self.films(what)).sum(1, keepdim=True)
        return self.mean + self.mild(who) + self.good(what) + together


class Codes(nn.Module):
    """Five codes of 20 values each, by a vector for each value and a small net; three classes."""

    def __init__(self, width: int = 6, hidden: int = 48) -> None:
        super().__init__()
        self.tables = nn.ModuleList(nn.Embedding(20, width) for _ in range(5))
        self.head = nn.Sequential(nn.Linear(5 * width, hidden), nn.ReLU(), nn.Linear(hidden, 3))

    def forward(self, codes: torch.Tensor) -> torch.Tensor:
        return self.head(torch.cat([table(codes[:, column]) for column, table in enumerate(self.tables)], 1))
